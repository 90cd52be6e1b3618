import os
import subprocess
import sys

import psutil
import pytest

from labelloop.adapters.liveness import identity, is_gone
from labelloop_tests.elsewhere import line, start


def test_a_process_is_there_until_it_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        told = identity(process.pid)
        assert not is_gone(told)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
        assert is_gone(told)
    assert is_gone(told)


def test_a_process_tells_the_same_of_itself_as_others_do() -> None:
    code = "from labelloop.adapters.liveness import identity; print(identity(), flush=True); input()"
    with start(code) as process:
        assert line(process) == identity(process.pid)


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_set_right_does_not_end_a_process(monkeypatch, hours) -> None:
    """The kernel gives the start of a process since that of the machine; the wall clock moves both alike."""
    told, booted = identity(), psutil.boot_time()
    created = psutil.Process().create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: booted + hours * 3600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: created + hours * 3600)
    assert identity() == told
    assert not is_gone(told)


def test_nothing_is_said_of_other_machines_and_names_with_colons_are_read() -> None:
    assert not is_gone("some:where:1:0.00")
