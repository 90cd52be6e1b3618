import os
import signal
import time
from collections.abc import Iterator

import pytest

from labelloop.cli.signals import ASKING, StopRequest


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """No signal is ignored: whoever runs the tests may have it so (`nohup`, a script's `&`); Dagster spreads that."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ASKING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_a_request_that_ends_the_waiting(number):
    before = signal.getsignal(number)
    with StopRequest() as asked:
        assert not asked
        os.kill(os.getpid(), number)
        began = time.monotonic()
        assert asked.wait(5)
        assert time.monotonic() - began < 1
        assert asked.exit_code == 128 + number
    assert signal.getsignal(number) == before


def test_the_second_signal_ends_the_process():
    with StopRequest():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)


def test_without_a_signal_the_waiting_lasts():
    with StopRequest() as asked:
        assert not asked.wait(0.05)


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not asked.wait(0.05)
    finally:
        signal.signal(signal.SIGHUP, before)
