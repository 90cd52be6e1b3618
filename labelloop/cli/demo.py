"""`labelloop demo`: the loop as an owner runs it, on drawn scenes; only the annotators are played."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from labelloop.cli.demo_home import DemoHome
from labelloop.cli.fleet import Fleet
from labelloop.cli.instance import instance_of
from labelloop.cli.screen import Screen
from labelloop.cli.signals import StopRequest
from labelloop.cli.status import turn_table
from labelloop.cli.turning import Turning
from labelloop.cli.up import serve, serving, tell
from labelloop.core.errors import LabelloopError
from labelloop.core.summary import overhead_share
from labelloop.resources.history import is_stopped_early, stop_sentence, turns
from labelloop.resources.project import Project
from labelloop.resources.report import write_report

REMEMBER_SECONDS = 5.0


def run(folder: Path, *, fresh: bool, iterations: int, out: Console) -> None:
    """Turn the loop until it stops by itself, show what came of it, and serve as long as somebody looks.

    Raises:
        LabelloopError: If a run fails; its first line.
        SystemExit: If it was asked to end before it was done.
    """
    # A demo is a world of its own, whatever the environment says about other projects.
    for name in ("LABELLOOP_CONFIG", "LABELLOOP_HOME"):
        os.environ.pop(name, None)
    folder.mkdir(parents=True, exist_ok=True)
    home = DemoHome(folder.resolve())
    with StopRequest() as asked:
        if fresh:
            home.throw_away()
        demo = Demo(home.make(iterations, lambda line: out.print(line, highlight=False)), home, iterations, out)
        if demo.is_done() and not out.is_terminal:
            demo.show()
        else:
            demo.run(asked)


@dataclass
class Demo:
    """A demo that has its project."""

    now: Project
    home: DemoHome
    iterations: int
    out: Console

    def __post_init__(self) -> None:
        # What the interpreter took to come up is part of what people wait for.
        self._began = psutil.Process().create_time() - self.home.seconds()
        self._remembered = 0.0

    def is_done(self) -> bool:
        """Whether there are as many iterations as were asked for, or the loop has stopped for good before."""
        done = len(turns(self.now))
        chosen = self.now.ledger.read_or_none("selections", f"v{done}") is not None
        return (done >= self.iterations and chosen) or (
            bool(stop_sentence(self.now)) and not is_stopped_early(self.now)
        )

    def run(self, asked: StopRequest) -> None:
        """Start the servers, turn the loop, show what came of it; on a terminal, serve."""
        with serving(self.now) as fleet:
            if fleet is None:
                raise LabelloopError("This project is up in another process", "`labelloop down` stops it.")
            tell(fleet.links(), self._say)
            if not self.is_done():
                self._turn(fleet, asked)
            if not asked:
                self.show()
                self._serve(fleet, asked)
                return
        self._say("stopped; the same command goes on from here")
        raise SystemExit(asked.exit_code)

    def show(self) -> None:
        """The table, where the time went, and the report."""
        done, wall = turns(self.now), self.home.seconds()
        share = f"{overhead_share(done, wall):.0%}"
        facts = [(f"{wall:.0f} s", "in all"), (share, "neither training nor inference")] if wall else []
        report = write_report(self.now, facts)
        self.out.print()
        self.out.print(turn_table(done))
        self.out.print()
        if wall:
            self._say(f"{wall:.0f} seconds in all, {share} of them neither training nor inference")
        self._say(stop_sentence(self.now))
        self._say(f"report       {report}")

    def _turn(self, fleet: Fleet, asked: StopRequest) -> None:
        with instance_of(self.now.home) as instance, Screen(self.out, self._began) as screen:
            Turning(self.now, fleet, instance, screen).go(self.is_done, asked, self._remember)
        self._remember(at_once=True)

    def _remember(self, *, at_once: bool = False) -> None:
        if at_once or time.monotonic() - self._remembered > REMEMBER_SECONDS:
            self._remembered = time.monotonic()
            self.home.worked(time.time() - self._began)

    def _serve(self, fleet: Fleet, asked: StopRequest) -> None:
        if self.out.is_terminal:
            tell(fleet.links(), self._say)
            self._say("Ctrl-C stops everything.")
            serve(fleet, asked, self._say)
            self._say("stopping …")

    def _say(self, line: str) -> None:
        self.out.print(line, highlight=False, markup=False)
