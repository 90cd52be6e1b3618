import signal
import subprocess

import pytest

from labelloop.adapters.files import locks
from labelloop_tests import elsewhere

HOLD = """
import sys, time
from pathlib import Path
from labelloop.adapters.files import locks
with locks.exclusive(Path(sys.argv[1]), on_wait=lambda text: print(text, flush=True)):
    print("held", flush=True)
    sys.stdin.readline()
print("given back", flush=True)
sys.stdin.readline()
"""
SHARE = """
import sys
from pathlib import Path
from labelloop.adapters.files import locks
locks.shared_for_life(Path(sys.argv[1]))
print("shared", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "locks" / "training"


def let_go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def free(path):
    with locks.exclusive_if_free(path) as is_free:
        return is_free


def test_a_lock_nobody_ever_took_is_not_held_and_has_no_holder(lock):
    assert not locks.is_held(lock)
    assert locks.holder(lock) is None
    assert not lock.exists()


def test_a_lock_that_is_held_keeps_another_process_out_until_it_is_given_back(lock):
    with elsewhere.start(HOLD, lock) as holder:
        assert elsewhere.line(holder) == "held"
        assert locks.is_held(lock)
        assert not free(lock)
        assert locks.holder(lock) == holder.pid
        let_go(holder)
        assert elsewhere.line(holder) == "given back"
        assert not locks.is_held(lock)
        assert free(lock)
        let_go(holder)


def test_whoever_waits_says_once_for_whom_and_goes_on_when_it_is_free(lock):
    with elsewhere.start(HOLD, lock) as first:
        assert elsewhere.line(first) == "held"
        with elsewhere.start(HOLD, lock) as second:
            assert elsewhere.line(second) == f"waiting for training, held by process {first.pid}"
            let_go(first)
            assert elsewhere.line(second) == "held"
            assert locks.holder(lock) == second.pid
            let_go(second)
            assert elsewhere.line(second) == "given back"
            let_go(second)
        let_go(first)


def test_a_holder_killed_in_its_work_holds_nothing(lock):
    with elsewhere.start(HOLD, lock) as holder:
        assert elsewhere.line(holder) == "held"
        with elsewhere.start(HOLD, lock) as waiting:
            assert elsewhere.line(waiting).startswith("waiting for training")
            holder.send_signal(signal.SIGKILL)
            assert elsewhere.line(waiting) == "held"
            waiting.kill()
    assert not locks.is_held(lock)


def test_a_lock_is_given_back_when_the_work_fails(lock):
    with pytest.raises(KeyError), locks.exclusive(lock):
        raise KeyError
    assert not locks.is_held(lock)


def test_whoever_does_not_wait_is_told_nothing(lock):
    told = []
    with locks.exclusive(lock, told.append):
        assert locks.is_held(lock)
    assert told == []


def test_several_share_a_lock_for_life_and_the_last_one_gives_it_back_however_it_ends(lock):
    with elsewhere.start(SHARE, lock) as one, elsewhere.start(SHARE, lock) as two:
        assert elsewhere.line(one) == elsewhere.line(two) == "shared"
        assert locks.is_held(lock)
        one.kill()
        one.wait()
        assert locks.is_held(lock)
        two.kill()
        two.wait()
        assert not locks.is_held(lock)


def test_a_program_that_a_holder_starts_does_not_hold_the_lock(lock):
    with locks.exclusive(lock):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        assert not locks.is_held(lock)
    finally:
        child.kill()
        child.wait()
