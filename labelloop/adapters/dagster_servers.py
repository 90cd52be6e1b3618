"""The Dagster webserver and daemon as processes of the home: they serve as long as whoever started them lives."""

import json
import socket
import sys
import urllib.request
from pathlib import Path
from typing import Any

from labelloop.adapters.files.atomic import write_bytes
from labelloop.adapters.files.home import Home
from labelloop.adapters.ports import keep_port, kept_port
from labelloop.adapters.processes import OwnedServer
from labelloop.core.errors import LabelloopError

WEBSERVER = "webserver"  # its name in the home
LOCATION = "labelloop"
REPOSITORY = "__repository__"  # what Dagster calls the one that Definitions make
# Their last client is `labelloop up` itself: once that is gone, however it ended, nobody is left to look after them.
IDLE_SECONDS = 5.0
WORKSPACE = f"""\
load_from:
  - python_module:
      module_name: labelloop.definitions
      location_name: {LOCATION}
"""
LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on Error { message } }
}
"""


def dagster_home(home: Home) -> Path:
    """Where Dagster keeps its runs and events."""
    return home.root / "dagster"


def webserver(home: Home, config: Path) -> OwnedServer:
    """The Dagster UI of the home."""
    return _server(WEBSERVER, home, config)


def daemon(home: Home, config: Path) -> OwnedServer:
    """The process that ticks sensors and starts runs."""
    return _server("daemon", home, config)


def start_webserver(home: Home, config: Path, port: int = 0) -> int:
    """Have the UI running, from now on at this port if one is named, and return its port."""
    if port:
        keep_port(home, WEBSERVER, port)
    shared = ["-w", str(_workspace(home)), "--code-server-log-level", "warning"]
    return webserver(home, config).ensure(
        lambda free: [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(free), *shared],
        preferred_port=kept_port(home, WEBSERVER),
    )


def start_daemon(home: Home, config: Path) -> int:
    """Have the daemon running."""
    shared = ["-w", str(_workspace(home)), "--code-server-log-level", "warning"]
    return daemon(home, config).ensure(lambda _: [sys.executable, "-m", "dagster._daemon", "run", *shared])


def asset_url(home: Home, asset: str, partition: str = "") -> str:
    """Address of an asset in the UI, or of one of its partitions, whether the UI is up or not."""
    page = f"http://127.0.0.1:{kept_port(home, WEBSERVER)}/assets/{asset}"
    return f"{page}?view=partitions&partition={partition}" if partition else page


def launch(port: int, job: str, partition: str = "") -> None:
    """Launch a job as the button in the UI does.

    Raises:
        LabelloopError: If the webserver refuses, with its reason.
    """
    tags = [{"key": "dagster/partition", "value": partition}] if partition else []
    selector = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "jobName": job}
    params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}}
    answer = _ask(port, LAUNCH, {"params": params})
    result = (answer.get("data") or {}).get("launchRun") or {}
    if result.get("__typename") != "LaunchRunSuccess":
        raise LabelloopError(f"Dagster did not start {job}: {result.get('message') or answer.get('errors')}")


def _ask(port: int, query: str, variables: dict) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    # Past any proxy of the environment: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return dict(json.load(answer))


def _server(name: str, home: Home, config: Path) -> OwnedServer:
    folder = (home.root / "services").resolve()
    process = OwnedServer(name, folder, answers=lambda _: True)
    return OwnedServer(
        name=name,
        folder=folder,
        # A daemon has no port to knock at.
        answers=lambda port: process.server_runs() and (name == "daemon" or _listens(port)),
        start_seconds=120.0,
        idle_seconds=IDLE_SECONDS,
        cwd=home.project,
        environment={
            "DAGSTER_HOME": str(dagster_home(home)),
            "LABELLOOP_CONFIG": str(config),
            "LABELLOOP_HOME": str(home.root),
            # Dagster's own notes about commands to come say nothing to whoever reads the log of a server.
            "PYTHONWARNINGS": "ignore",
        },
    )


def _workspace(home: Home) -> Path:
    """The file that names the code location, the same as that of the repository: sensors keep their state by it."""
    path = dagster_home(home) / "workspace.yaml"
    write_bytes(path, WORKSPACE.encode())
    return path


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
