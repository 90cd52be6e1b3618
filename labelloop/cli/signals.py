"""Ctrl-C and its relatives as a question to ask, so that what was started is stopped in order."""

import signal
import time
from types import FrameType

ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Whether somebody asked this process to end; the second time is not a question any more.

    A signal that whoever started the process had it ignore (`nohup`) stays ignored.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        self._before = {number: signal.getsignal(number) for number in ASKING}
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what getsignal gave, set back

    def __bool__(self) -> bool:
        return self.signal != 0

    @property
    def exit_code(self) -> int:
        """What shells expect of a process that ended for a signal."""
        return 128 + self.signal

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until somebody asks; returns whether somebody did."""
        until = time.monotonic() + seconds
        while not self and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        return bool(self)

    def _ask(self, number: int, _: FrameType | None) -> None:
        if self.signal:
            raise SystemExit(128 + number)
        self.signal = number
