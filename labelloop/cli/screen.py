"""Progress of a demo: a line for what is done, and on a terminal what runs at the moment."""

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from labelloop.cli.watch import Happening, Step


class Screen:
    """Lines for people; as a context it keeps the moving part at the bottom of a terminal."""

    def __init__(self, out: Console, since: float) -> None:
        self._out = out
        self._since = since
        self._live = Live(console=out, refresh_per_second=8, transient=True) if out.is_terminal else None
        self._spinners: dict[str, Spinner] = {}

    def __enter__(self) -> "Screen":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def say(self, sentence: str, style: str = "") -> None:
        """A line that stays."""
        clock = Text(f"{_clock(time.time() - self._since)}  ", style="dim")
        self._out.print(clock + Text(sentence, style=style), highlight=False)

    def ended(self, what: Happening) -> None:
        """A step that is over."""
        name = f"{what.step.partition or 'pool':<5}{what.step.name:<20}"
        if what.failed:
            self.say(f"{name} {what.failed}", style="red")
        else:
            self.say(f"{name} {what.seconds:6.1f} s")

    def shows(self, running: Sequence[Step], note: str, waiting: str) -> None:
        """What runs at the moment, or what is waited for."""
        if self._live is None:
            return
        now = time.time()
        lines = [
            self._spinner(f"{step.partition or 'pool':<5}{step.name:<20} {step.seconds(now):6.0f} s  {note}")
            for step in running
        ]
        self._live.update(Group(*(lines or [self._spinner(waiting)])))

    def _spinner(self, text: str) -> Spinner:
        """The same spinner for the same place, or it would begin anew with each look."""
        spinner = self._spinners.setdefault(text[:25], Spinner("dots", style="cyan"))
        spinner.update(text=Text(text, overflow="ellipsis", no_wrap=True))
        return spinner


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:3d}:{rest:02d}"
