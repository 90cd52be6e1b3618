"""What Dagster does at the moment, read from its event log as it grows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from labelloop.resources.runs import PARTITION_TAG

PAGE = 500  # events of a run read at a time


@dataclass(frozen=True)
class Step:
    """A step of a run: an asset, or the checks of one."""

    name: str
    partition: str
    started: float

    def seconds(self, now: float) -> float:
        """How long it has been running."""
        return now - self.started


@dataclass(frozen=True)
class Happening:
    """Something that came to its end.

    Attributes:
        step: What it was.
        seconds: How long it took.
        failed: First line of the error; empty if it went well.
    """

    step: Step
    seconds: float
    failed: str = ""


@dataclass
class RunWatch:
    """Follows the runs of an instance from some moment on; `poll` tells what is new.

    Attributes:
        running: Steps that run now.
        note: Last message of a running step.
        waiting: Runs that have not begun.
        broken: Runs that ended without a failed step, because they were killed or cancelled.
        failed: The step of a run that failed, and its error; empty as long as none did.
    """

    instance: dg.DagsterInstance
    since: float
    running: dict[tuple[str, str], Step] = field(default_factory=dict)
    note: str = ""
    waiting: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    failed: str = ""
    _cursors: dict[str, str | None] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)
    _errors: dict[str, str] = field(default_factory=dict)

    def poll(self) -> Iterator[Happening]:
        """What ended since the last time."""
        filters = dg.RunsFilter(updated_after=datetime.fromtimestamp(self.since, UTC))
        runs = [record.dagster_run for record in self.instance.get_run_records(filters)]
        self.waiting = [_name(run) for run in runs if not run.is_finished and run.run_id not in self._cursors]
        for run in reversed(runs):
            if run.run_id not in self._over:
                yield from self._follow(run)

    @property
    def idle(self) -> bool:
        """Whether no run is on its way."""
        return not self.waiting and not (self._cursors.keys() - self._over)

    def _follow(self, run: dg.DagsterRun) -> Iterator[Happening]:
        """Read on where the last reading ended; a run counts as over when its last event was read."""
        read = self.instance.get_records_for_run(run.run_id, cursor=self._cursors.get(run.run_id), limit=PAGE)
        if read.records:
            self._cursors[run.run_id] = read.cursor
        for record in read.records:
            entry = record.event_log_entry
            if entry.timestamp < self.since:
                continue
            if entry.dagster_event is None:
                self.note = entry.user_message
            else:
                yield from self._event(run, entry.dagster_event, entry.timestamp)
        if run.is_finished and not read.has_more:
            self._end(run)

    def _event(self, run: dg.DagsterRun, event: dg.DagsterEvent, when: float) -> Iterator[Happening]:
        key = (run.run_id, str(event.step_key))
        if event.is_step_start or event.is_step_restarted:
            self.note = ""
            self.running[key] = Step(str(event.step_key), run.tags.get(PARTITION_TAG, ""), when)
        elif event.is_step_success or event.is_step_failure or event.is_step_up_for_retry:
            step = self.running.pop(key, Step(key[1], run.tags.get(PARTITION_TAG, ""), when))
            error = "" if event.is_step_success else _first_line(event)
            if event.is_step_failure:
                self._errors[run.run_id] = f"{step.name} {step.partition}".strip() + f" failed: {error}"
            yield Happening(step, step.seconds(when), error)

    def _end(self, run: dg.DagsterRun) -> None:
        self._over.add(run.run_id)
        self.running = {key: step for key, step in self.running.items() if key[0] != run.run_id}
        if run.run_id in self._errors:
            self.failed = self._errors[run.run_id]
        elif run.status is not dg.DagsterRunStatus.SUCCESS:
            self.broken.append(_name(run))


def _name(run: dg.DagsterRun) -> str:
    return f"{run.job_name} {run.tags.get(PARTITION_TAG, '')}".strip()


def _first_line(event: dg.DagsterEvent) -> str:
    """Why a step failed, as its author said it."""
    if event.is_step_up_for_retry:
        return "tried again in a moment"
    failure = event.step_failure_data
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause  # Dagster wraps what an op raises
    said = failure.user_failure_data.description if failure.user_failure_data else None
    # The message of an exception begins with its class.
    return (said or (error.message if error else "") or "it failed").strip().splitlines()[0]
