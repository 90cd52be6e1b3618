"""Tokens and passwords appear nowhere: not in files, event logs, run config, metadata, output or errors of any run.

Both kinds of runs are looked at, those that log in and those whose login fails, in processes of their own and in this
one. What Dagster keeps compressed in its databases is unpacked first.
"""

import base64
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest
from dagster._serdes import serialize_value

import labelloop.cli
from labelloop.adapters import sandbox_server
from labelloop.adapters.cvat.access import CvatAccess, access_from_file
from labelloop.resources.runs import PARTITION_TAG
from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.worlds import World, failure_of, make_world

pytestmark = pytest.mark.slow

NAMES = ("CVAT_URL", "CVAT_ACCESS_TOKEN", "CVAT_USERNAME", "CVAT_PASSWORD")
WRONG_TOKEN, WRONG_PASSWORD = "0badbad0.wrong-token-of-the-test", "wrong-password-of-the-test"


def spellings(*secrets: str) -> list[bytes]:
    """A secret as itself, as it stands in an address, and in a header for basic authentication."""
    encoded = [
        base64.b64encode(f"{user}:{secret}".encode()).decode() for secret in secrets for user in ("sandbox", "ann")
    ]
    return [word.encode() for word in (*secrets, *(quote(secret, safe="") for secret in secrets), *encoded)]


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder as it is, and what its databases hold compressed."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        body = path.read_bytes()
        yield str(path.relative_to(folder)), body
        if body.startswith(b"SQLite format 3"):
            yield from ((f"{path.name}, table {table}", value) for table, value in unpacked(path))


def unpacked(database: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        tables = [name for (name,) in opened.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for row in opened.execute(f'select * from "{table}"'):  # noqa: S608  a name that the database gave
                for value in row:
                    if isinstance(value, bytes):
                        try:
                            yield table, zlib.decompress(value)
                        except zlib.error:
                            yield table, value


def told_by(instance: dg.DagsterInstance) -> Iterator[tuple[str, bytes]]:
    """What Dagster says of its runs: config, tags, and each event with its metadata and error."""
    for run in instance.get_runs():
        yield f"run {run.job_name}", json.dumps([run.run_config, run.tags]).encode()
        for entry in instance.all_logs(run.run_id):
            yield f"event of {run.job_name}", serialize_value(entry).encode() + str(entry.user_message).encode()


def leaks(found: Iterator[tuple[str, bytes]], words: list[bytes]) -> list[str]:
    return sorted({place for place, body in found if any(word in body for word in words)})


@pytest.fixture
def access(tmp_path: Path) -> Iterator[CvatAccess]:
    """Somebody's CVAT, outside of the project."""
    with SandboxServer(tmp_path / "cvat", anonymous_limit=0) as server:
        yield access_from_file(server.data / "credentials.json")


@pytest.fixture
def world(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A project for a CVAT of people, prepared, with a Dagster home on disk."""
    made = make_world(tmp_path / "project")
    home = made.now.home.root / "dagster"
    home.mkdir()
    shutil.copyfile(Path(labelloop.cli.__file__).with_name("dagster.yaml"), home / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    made.instance = dg.DagsterInstance.from_config(str(home))
    made.turn([("prepare_pool", None)])
    yield made
    made.instance.dispose()
    made.close()


def in_terminal(world: World, credentials: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    """`dagster job execute` of next_batch for v0, in the environment of somebody with these credentials."""
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    environment |= {"PYTHONWARNINGS": "ignore", **credentials}
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "labelloop.definitions", "-j", "next_batch"]
    tags = ["--tags", json.dumps({PARTITION_TAG: "v0"})]
    return subprocess.run(
        [*command, *tags], cwd=world.folder, env=environment, capture_output=True, timeout=240, check=False
    )


def here(world: World, credentials: Mapping[str, str], patch: pytest.MonkeyPatch) -> dg.ExecuteInProcessResult:
    """The same in this process."""
    with patch.context() as environment:
        for name, value in credentials.items():
            environment.setenv(name, value)
        return world.run("next_batch", "v0")


def test_no_run_leaves_a_secret_anywhere(world: World, access: CvatAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    world.configure(sandbox="off", annotation={"push": True, "segment_size": 5})
    everything = {"CVAT_USERNAME": access.username, "CVAT_PASSWORD": access.password, "CVAT_ACCESS_TOKEN": access.token}
    words = spellings(access.token, access.password, WRONG_TOKEN, WRONG_PASSWORD)
    refused = [
        {"CVAT_URL": access.url, "CVAT_USERNAME": access.username, "CVAT_PASSWORD": WRONG_PASSWORD},
        {"CVAT_URL": access.url.replace("://", f"://ann:{WRONG_PASSWORD}@")},
        {"CVAT_URL": access.url, "CVAT_ACCESS_TOKEN": WRONG_TOKEN},
    ]
    for credentials in refused:
        assert "CVAT" in failure_of(here(world, credentials, monkeypatch))
    wrong = in_terminal(world, {"CVAT_URL": access.url, "CVAT_ACCESS_TOKEN": WRONG_TOKEN})
    assert wrong.returncode != 0
    assert b"does not accept the credentials" in wrong.stderr + wrong.stdout
    right = here(world, {"CVAT_URL": access.url, **everything}, monkeypatch)
    assert right.success, failure_of(right)
    assert world.now.ledger.read_or_none("tasks", "v0") is not None
    assert leaks(iter([("what the terminal showed", wrong.stdout + wrong.stderr)]), words) == []
    assert len(list(told_by(world.instance))) > 50
    assert leaks(told_by(world.instance), words) == []
    logs = [body for place, body in contents(world.folder) if "compute_logs" in place]
    assert any(b"does not accept" in body for body in logs)
    assert leaks(contents(world.folder), words) == []


def test_a_sandbox_keeps_its_secrets_in_one_file_that_only_its_owner_reads(world: World) -> None:
    world.turn([("next_batch", "v0"), ("send_holdout", None)])
    world.annotate()
    world.turn([("take_holdout", None)])
    file = sandbox_server.data_folder(world.now.home) / "credentials.json"
    kept = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    words = spellings(kept["token"], kept["password"])
    assert leaks(contents(world.folder), words) == [str(file.relative_to(world.folder))]
    assert leaks(told_by(world.instance), words) == []


def test_the_search_finds_what_is_hidden_in_a_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "runs.db")) as opened:
        opened.execute("create table snapshots (body blob)")
        opened.execute("insert into snapshots values (?)", (zlib.compress(b"a " + WRONG_TOKEN.encode() * 9),))
        opened.commit()
    (tmp_path / "log").write_bytes(base64.b64encode(f"ann:{WRONG_PASSWORD}".encode()))
    assert leaks(contents(tmp_path), spellings(WRONG_TOKEN, WRONG_PASSWORD)) == ["log", "runs.db, table snapshots"]
