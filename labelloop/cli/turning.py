"""Watching a loop turn: the sensors drive it, the annotators are played, and what goes wrong is said."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import dagster as dg

from labelloop.adapters import dagster_servers
from labelloop.cli.annotators import annotate
from labelloop.cli.fleet import Fleet
from labelloop.cli.screen import Screen
from labelloop.cli.signals import StopRequest
from labelloop.cli.state import given_up, in_flight, look
from labelloop.cli.watch import RunWatch
from labelloop.core.errors import CvatUnreachableError, LabelloopError
from labelloop.core.vocabulary import HOLDOUT, UNPARTITIONED, JobName
from labelloop.resources.history import is_stopped_early
from labelloop.resources.project import Project
from labelloop.resources.runs import report_dead_runs

LOOK_SECONDS = 0.5
MEND_SECONDS = 2.0
PATIENCE_SECONDS = 120.0  # without a run, an open task or a word


class Turning:
    """One sitting of a demo, from the first look to the last iteration."""

    def __init__(self, now: Project, fleet: Fleet, instance: dg.DagsterInstance, screen: Screen) -> None:
        self.now = now
        self._fleet = fleet
        self._instance = instance
        self._screen = screen
        self._watch = RunWatch(instance, since=time.time())
        self._annotators = ThreadPoolExecutor(max_workers=1)
        self._at_work: Future[int] | None = None
        self._given: set[str] = set()  # batches the annotators were told of
        self._busy_at = self._mended_at = time.monotonic()

    def go(self, is_done: Callable[[], bool], asked: StopRequest, each: Callable[[], None]) -> None:
        """Go on until it is done or somebody asks to stop.

        Raises:
            LabelloopError: If a run fails, or the loop waits for something that will not come.
        """
        try:
            self._begin()
            while not asked.wait(LOOK_SECONDS):
                self._look()
                each()
                if self._watch.idle and is_done():
                    return
        finally:
            self._annotators.shutdown(wait=True, cancel_futures=True)

    def _begin(self) -> None:
        """What people start: the preparation of the pool, or the last step of a loop that may go on again."""
        report_dead_runs(self._instance)
        if not self.now.ledger.has_zcore():
            self._launch(JobName.PREPARE_POOL)
        elif is_stopped_early(self.now):
            self._launch(JobName.LABEL_LOOP, self.now.ledger.iterations()[-1])
        for decision in given_up(self.now, self._instance):
            # Whoever runs the demo again asks for another try.
            iteration = decision.batch not in UNPARTITIONED
            self._launch(decision.job or JobName.LABEL_LOOP, decision.batch if iteration else "")

    def _launch(self, job: JobName, partition: str = "") -> None:
        """Start a job as a person does, unless it is on its way."""
        if not any(run["job"] == job for run in in_flight(self._instance)):
            dagster_servers.launch(self._fleet.webserver_port, job, partition)

    def _look(self) -> None:
        for happening in self._watch.poll():
            self._screen.ended(happening)
            self._busy_at = time.monotonic()
        for name in self._watch.broken:
            self._screen.say(f"{name} was broken off; the sensors start it again", style="yellow")
        self._watch.broken.clear()
        if self._watch.failed:
            raise LabelloopError(self._watch.failed)
        self._mend()
        self._annotate()
        self._refuse_to_wait_for_ever()
        self._screen.shows(list(self._watch.running.values()), self._watch.note, self._waits_for())

    def _mend(self) -> None:
        if time.monotonic() - self._mended_at > MEND_SECONDS:
            self._mended_at = time.monotonic()
            for title in self._fleet.mend():
                self._screen.say(f"{title} was gone and is there again", style="yellow")

    def _annotate(self) -> None:
        """Have the annotators do what was sent and not done yet; they work beside, for they take seconds."""
        if self._at_work is not None:
            if not self._at_work.done():
                return
            self._finish(self._at_work)
        sent = {
            name
            for name in (HOLDOUT, *self.now.ledger.relabels(), *self.now.ledger.iterations())
            if self.now.ledger.read_or_none("tasks", name)
        }
        if sent - self._given:
            self._given = sent
            self._at_work = self._annotators.submit(annotate, self.now, self._drawn)

    def _finish(self, work: "Future[int]") -> None:
        self._at_work = None
        self._busy_at = time.monotonic()
        error = work.exception()
        if isinstance(error, CvatUnreachableError):
            self._given.clear()  # the server is mended, then they do it again
        elif error is not None:
            raise error

    def _drawn(self, line: str) -> None:
        self._screen.say(f"annotators: {line}", style="blue")

    def _waits_for(self) -> str:
        if self._at_work is not None:
            return "the annotators are drawing"
        return f"starting {self._watch.waiting[0]}" if self._watch.waiting else "waiting for the sensors"

    def _refuse_to_wait_for_ever(self) -> None:
        if not self._watch.idle or self._at_work is not None:
            self._busy_at = time.monotonic()
        elif time.monotonic() - self._busy_at > PATIENCE_SECONDS:
            status = look(self.now, self._instance)
            raise LabelloopError("The loop does not go on: " + "; ".join([*status.needs, *status.waits_for]))
