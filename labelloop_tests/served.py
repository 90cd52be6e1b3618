"""A project with the servers that people see it through: Dagster's webserver and daemon, the sandbox, the App."""

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

import labelloop.cli
from labelloop.adapters import app_server, dagster_servers
from labelloop_tests.worlds import World


@contextmanager
def kept_instance(world: World) -> Iterator[World]:
    """The same project with a Dagster home instead of an instance that is forgotten."""
    folder = dagster_servers.dagster_home(world.now.home)
    folder.mkdir(parents=True)
    shutil.copyfile(Path(labelloop.cli.__file__).with_name("dagster.yaml"), folder / "dagster.yaml")
    (folder / ".nux").mkdir()
    (folder / ".nux" / "nux.yaml").write_text("seen: 1\n")  # as `labelloop init` does: no greeting over every page
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(folder)
    try:
        with dg.DagsterInstance.get() as instance:
            yield World(world.folder, instance, world.cvat)
    finally:
        if before is None:
            del os.environ["DAGSTER_HOME"]
        else:
            os.environ["DAGSTER_HOME"] = before


def stop_servers(world: World) -> None:
    """Stop all that a test has started on a project."""
    now = world.now
    for server in (dagster_servers.daemon, dagster_servers.webserver):
        app_server.stop(server(now.home, now.config))
    app_server.shut_down(now.home)
    world.close()


def ask(port: int, query: str, **variables: Any) -> Any:
    """What the UI's own API answers; an error of any kind fails the test."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as reply:
        answer = json.load(reply)
    assert not answer.get("errors"), answer["errors"]
    (result,) = answer["data"].values()
    assert not str(result.get("__typename", "")).endswith(("Error", "Conflict", "Invalid")), result
    return result
