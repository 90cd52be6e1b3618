import contextlib
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from labelloop.adapters.files import locks
from labelloop.adapters.processes import OwnedServer, free_port, read_record, stop
from labelloop.core.errors import LabelloopError
from labelloop_tests import elsewhere

SERVER = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(600)
"""
# Becomes a client of the server in argv[1], prints its port and lives until it is told to end.
CLIENT = """
import sys
from pathlib import Path
from labelloop_tests.adapters.test_processes import command, server_in
print(server_in(Path(sys.argv[1])).ensure(command), flush=True)
sys.stdin.readline()
"""


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def server_in(folder):
    return OwnedServer("thing", folder, listens, start_seconds=20)


def command(port):
    return [sys.executable, "-c", SERVER, str(port)]


def running(server):
    """The processes of keeper and server."""
    record = read_record(server.record)
    return [psutil.Process(record[who][0]) for who in ("keeper", "server")]


def ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def kill(process):
    process.kill()
    elsewhere.wait_until(lambda: ended(process))


@pytest.fixture
def server(tmp_path):
    made = server_in(tmp_path / "home")
    yield made
    stop(made)


def test_nothing_runs_before_anybody_asks(server):
    assert server.port() is None
    assert stop(server) is False


def test_a_server_is_started_once_used_by_all_and_stopped_at_once_by_stop(server):
    """The client that started it may live on without ever noticing that its child has ended."""
    with elsewhere.start(CLIENT, server.folder) as client:
        port = int(elsewhere.line(client))
        keeper, thing = running(server)
        assert server.ensure(command) == port == server.port()
        assert running(server) == [keeper, thing]
        assert stop(server) is True
        assert ended(keeper)
        assert ended(thing)
        assert server.port() is None
        assert stop(server) is False


def test_a_server_lives_as_long_as_a_client_does_however_that_one_ends(server):
    with elsewhere.start(CLIENT, server.folder, LABELLOOP_IDLE_SECONDS="0.2") as one:
        assert elsewhere.line(one)
        keeper, thing = running(server)
        with elsewhere.start(CLIENT, server.folder) as two:
            assert elsewhere.line(two)
            one.send_signal(signal.SIGKILL)
            one.wait()
            time.sleep(1.5)
            assert not ended(thing)
            two.send_signal(signal.SIGKILL)
        elsewhere.wait_until(lambda: ended(thing) and ended(keeper))
    assert not server.record.exists()


def test_a_server_that_was_killed_is_started_again_at_its_old_port(server):
    port = server.ensure(command)
    keeper, thing = running(server)
    kill(thing)
    elsewhere.wait_until(lambda: ended(keeper))
    assert server.ensure(command) == port
    assert running(server)[1] != thing


def test_a_server_whose_keeper_was_killed_is_adopted_by_the_next_client_and_ends_with_the_last(server):
    with elsewhere.start(CLIENT, server.folder, LABELLOOP_IDLE_SECONDS="0.2") as first:
        port = elsewhere.line(first)
        keeper, thing = running(server)
        kill(keeper)
        with elsewhere.start(CLIENT, server.folder, LABELLOOP_IDLE_SECONDS="0.2") as second:
            assert elsewhere.line(second) == port
            adopter, same = running(server)
            assert same == thing
            assert adopter != keeper
            first.kill()
            second.kill()
        elsewhere.wait_until(lambda: ended(thing) and ended(adopter))


def test_a_server_whose_keeper_was_killed_can_be_stopped(server):
    server.ensure(command)
    keeper, thing = running(server)
    kill(keeper)
    assert stop(server) is True
    assert ended(thing)


def test_a_copy_of_a_home_neither_uses_nor_stops_the_server_of_the_original(server, tmp_path):
    port = server.ensure(command)
    copy = server_in(Path(shutil.copytree(server.folder, tmp_path / "copy")))
    assert copy.port() is None
    assert stop(copy) is False
    assert server.port() == port
    shutil.copy(server.record, copy.record)
    try:
        assert copy.ensure(command) != port
    finally:
        assert stop(copy) is True
    assert server.port() == port


def test_a_home_that_was_moved_stops_the_server_it_left_behind_and_starts_its_own(server, tmp_path):
    server.ensure(command)
    old = running(server)
    moved = server_in(server.folder.rename(tmp_path / "moved"))
    assert moved.port() is None
    try:
        moved.ensure(command)
        assert all(map(ended, old))
        assert not any(map(ended, running(moved)))
    finally:
        stop(moved)


def test_a_server_that_does_not_start_is_told_with_the_end_of_its_log(server):
    failing = [sys.executable, "-c", "import sys; sys.exit('no room for me here')"]
    with pytest.raises(LabelloopError, match=r"thing did not start: .*no room for me.* log is .*thing\.log"):
        server.ensure(lambda port: failing)
    assert server.ensure(command) == server.port()


def test_a_server_whose_port_was_taken_before_it_had_it_finds_another(server):
    with contextlib.ExitStack() as others:
        taken = []

        def overtaken(port):
            if len(taken) < 2:
                others.enter_context(socket.socket()).bind(("127.0.0.1", port))
                taken.append(port)
            return command(port)

        port = server.ensure(overtaken)
        assert len(taken) == 2
        assert port not in taken
        assert server.port() == port


def test_a_server_whose_port_is_always_taken_says_so(server):
    def without_luck(port):
        return [sys.executable, "-c", f"import socket; socket.create_server(('127.0.0.1', {busy}))"]

    with socket.create_server(("127.0.0.1", 0)) as other:
        busy = other.getsockname()[1]
        with pytest.raises(LabelloopError, match=r"thing did not start: .*[Aa]ddress already in use"):
            server.ensure(without_luck)


def test_a_server_that_never_answers_is_ended(tmp_path):
    silent = OwnedServer("thing", tmp_path, lambda port: False, start_seconds=2.5)
    with pytest.raises(LabelloopError, match="thing did not start: it wrote nothing"):
        silent.ensure(command)
    record = read_record(silent.record)
    elsewhere.wait_until(lambda: not psutil.pid_exists(record["server"][0]))


def test_a_record_whose_number_belongs_to_another_process_by_now_stops_nobody(server):
    server.ensure(command)
    stop(server)
    me = [psutil.Process().pid, psutil.Process().create_time() - 60]
    server.record.write_text(f'{{"keeper": {me}, "server": {me}, "port": 1, "folder": "{server.folder}"}}')
    assert stop(server) is False


def test_a_client_of_a_home_that_was_emptied_is_a_client_of_the_new_one(server):
    server.ensure(command)
    stop(server)
    shutil.rmtree(server.folder)
    server.ensure(command)
    assert locks.is_held(server.folder / "thing.clients")


def test_a_port_is_the_preferred_one_if_it_is_free():
    port = free_port()
    assert free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) != port


PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1]])
child.wait()
"""


def with_child(port):
    return [sys.executable, "-c", PARENT, str(port), SERVER]


@pytest.mark.parametrize("killed", [None, "keeper", "server"])
def test_what_a_server_started_ends_with_it_also_when_one_of_them_was_killed(server, killed):
    port = server.ensure(with_child)
    keeper, thing = running(server)
    (child,) = thing.children()
    assert server.pids() == {keeper.pid, thing.pid, child.pid}
    if killed:
        kill({"keeper": keeper, "server": thing}[killed])
    stop(server)
    elsewhere.wait_until(lambda: ended(keeper) and ended(thing) and ended(child))
    assert not listens(port)


def test_the_last_client_can_tell_that_it_is_the_last(server):
    server.ensure(command)
    with elsewhere.start(CLIENT, server.folder) as other:
        assert elsewhere.line(other)
        assert server.has_other_clients()
        other.kill()
        other.wait()
        assert not server.has_other_clients()


def test_a_server_whose_folder_was_moved_away_ends_and_does_not_bring_the_folder_back(tmp_path):
    server = server_in(tmp_path / "before")
    server.ensure(command)
    processes = running(server)
    shutil.move(tmp_path / "before", tmp_path / "after")
    elsewhere.wait_until(lambda: all(map(ended, processes)))
    assert not (tmp_path / "before").exists()
    again = server_in(tmp_path / "after")
    port = again.ensure(command)
    assert listens(port)
    stop(again)
