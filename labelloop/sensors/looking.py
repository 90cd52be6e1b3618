"""The facts that decisions are made of: from the files of the home first, from CVAT what only CVAT knows."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from labelloop.adapters.cvat import pull
from labelloop.adapters.cvat.client import CvatServer
from labelloop.core.annotation import TaskProgress, content_hash
from labelloop.core.decision import Decision, Runs
from labelloop.core.vocabulary import HOLDOUT, Split, is_by_split, next_iteration
from labelloop.core.waiting import Batch, Loop, after_annotation
from labelloop.resources import app, prefilled, relabelling
from labelloop.resources.cvat import CvatResource
from labelloop.resources.holdout import unsent_holdout
from labelloop.resources.labelled import labelled
from labelloop.resources.lesson import measure, yardstick
from labelloop.resources.outgoing import left_out
from labelloop.resources.project import Project

# Reading the content of tasks stops after this; the rest is read at the next tick.
LOOK_SECONDS = 15.0

Found = tuple[tuple[TaskProgress, ...] | None, str]  # how far people are, and the revision of what they drew


@dataclass
class Seen:
    """What earlier ticks read: of each task when it was changed last, and the revision of its content then."""

    tasks: dict[str, tuple[str, str]] = field(default_factory=dict)
    seconds: float = LOOK_SECONDS
    _used: dict[str, tuple[str, str]] = field(default_factory=dict)
    _end: float | None = None

    @classmethod
    def of(cls, cursor: str | None) -> "Seen":
        """What a cursor says; one that cannot be read, as after a change by hand, says nothing."""
        try:
            return cls({task: (updated, revision) for task, (updated, revision) in json.loads(cursor or "{}").items()})
        except (ValueError, TypeError, AttributeError):
            return cls()

    def cursor(self) -> str:
        """What the next tick is told: the tasks that were looked at in this one."""
        return json.dumps(self._used, sort_keys=True)

    def revision(self, server: CvatServer, tasks: Sequence[TaskProgress]) -> str:
        """Revision of what people drew in these tasks; empty when there was no time to read all of them."""
        revisions = [self._of_task(server, task) for task in tasks]
        return content_hash(revisions) if all(revisions) else ""

    def _of_task(self, server: CvatServer, task: TaskProgress) -> str:
        return self.read(str(task.task_id), task.updated, lambda: pull.content(server, task.task_id).revision)

    def read(self, key: str, updated: str, read: Callable[[], str]) -> str:
        """Revision of what is behind a key, read only when it was changed; empty when there was no time."""
        before, revision = self.tasks.get(key, ("", ""))
        if not before or before != updated:
            if self._is_late():
                return ""
            # The date was read before the content: what changes in between is noticed by the next tick.
            revision = read()
        self._used[key] = (updated, revision)
        return revision

    def _is_late(self) -> bool:
        """Whether the time is up; the first reading always has time, so that every tick gets on."""
        if self._end is None:
            self._end = time.monotonic() + self.seconds
            return False
        return time.monotonic() > self._end


@dataclass(frozen=True)
class Looked:
    """Batches as they are in CVAT: the iterations in order, the hold-out, and what people go through again."""

    iterations: list[Batch]
    holdout: Batch
    relabels: list[Batch]

    @property
    def all(self) -> list[Batch]:
        """Every batch."""
        return [*self.iterations, self.holdout, *self.relabels]


def look_at_batches(now: Project, cvat: CvatResource, seen: Seen) -> Looked:
    """All batches that were chosen. CVAT and FiftyOne's database are asked only where something waits."""
    # The newest first: its labels are what the loop waits for.
    iterations, relabels = now.ledger.iterations(), now.ledger.relabels()
    names = [*reversed(iterations), HOLDOUT, *relabels]
    sent = {name: record["tasks"] for name in names if (record := now.ledger.read_or_none("tasks", name)) is not None}
    in_app = [name for name in sent if app.is_in_app(now, name)]
    in_cvat = {name: tasks for name, tasks in sent.items() if name not in in_app}
    found: dict[str, Found] = dict.fromkeys(names, (None, ""))
    found |= {name: _look_in_app(now, name, seen) for name in in_app}
    found |= _ask(cvat.watched(now), in_cvat, seen) if in_cvat else {}
    batches = {name: _batch(now, name, *found[name]) for name in names}
    return Looked([batches[it] for it in iterations], batches[HOLDOUT], [batches[name] for name in relabels])


def _look_in_app(now: Project, name: str, seen: Seen) -> Found:
    """How far people are with a batch in the App, by one light query, and the revision of one that is complete."""
    tasks = tuple(app.progress(now, name))
    if not all(task.completed for task in tasks):
        return tasks, ""
    read = [seen.read(f"app {name}", t.updated, lambda: app.content(now, name)[0].revision) for t in tasks]
    return tasks, content_hash(read) if all(read) else ""


def _ask(server: CvatServer, sent: Mapping[str, Sequence[dict]], seen: Seen) -> dict[str, Found]:
    """How far people are with each batch, and the revision of what they drew in those that are complete."""
    ids = [task["task_id"] for tasks in sent.values() for task in tasks]
    progress = {task.task_id: task for task in pull.progress(server, ids)}
    found: dict[str, Found] = {}
    for name, records in sent.items():
        tasks = tuple(progress[record["task_id"]] for record in records)
        found[name] = (tasks, seen.revision(server, tasks) if all(task.completed for task in tasks) else "")
    return found


def _batch(now: Project, name: str, progress: tuple[TaskProgress, ...] | None, drawn: str) -> Batch:
    labels, rewriting = now.ledger.read_or_none("labels", name), now.ledger.is_being_rewritten(name)
    if labels is None or is_by_split(name):
        return Batch(name, progress, drawn, now.ledger.drawn(name), rewriting=rewriting)
    verdict, report = now.ledger.read_or_none("verdicts", name), now.ledger.read_or_none("reports", name)
    checked = verdict is not None and verdict["revision"] == labels["revision"]
    scored = report is not None and report.get("revision") == labels["revision"]
    mined = now.ledger.read_or_none("selections", next_iteration(name)) is not None
    refused = _refusals(verdict) if verdict is not None and checked else ""
    return Batch(
        name, progress, drawn, now.ledger.drawn(name), checked, refused, finished=scored and mined,
        yardstick=str((report or {}).get("yardstick", "")), rewriting=rewriting,
    )  # fmt: skip


def _refusals(verdict: dict) -> str:
    failed = [finding for finding in verdict["findings"] if finding["blocking"] and not finding["passed"]]
    return "; ".join(f"{finding['name']}: {finding['detail']}" for finding in failed)


def is_scorable(now: Project) -> bool:
    """Whether val has labels: from people, or from a source that is trusted."""
    if now.ledger.has_labels(HOLDOUT):
        return True
    if not now.ledger.has_splits():
        return False
    return set(now.ledger.in_split(Split.VAL)) <= set(labelled(now, []).reviewed)


def after_looking(now: Project, found: Looked, runs: Runs) -> list[Decision]:
    """What to do with the finished tasks that were found, and with models that another val was measured by."""
    scorable = is_scorable(now)
    return after_annotation(
        found.iterations, found.holdout, scorable=scorable, runs=runs, relabels=found.relabels,
        yardstick=yardstick(measure(now)) if scorable else "",
    )  # fmt: skip


def _to_relabel(now: Project) -> str:
    """Revision of the labelled images that lack a class of `relabel_for`."""
    schema = now.ledger.schema_or_none()
    classes = [name for name in now.settings.relabel_for if schema and schema.current(name) in schema.classes]
    found = relabelling.concerned(now, classes) if classes and now.ledger.has_splits() else []
    missing = {each for name in now.ledger.relabels() for each in left_out(now, name)}
    wanted = [each for each in found if each not in missing]
    return content_hash(wanted) if wanted else ""


def look_at_loop(now: Project) -> Loop:
    """How far the choosing and sending of images is, from the files of the home alone."""
    ledger, settings = now.ledger, now.settings
    newest = (ledger.iterations() or [""])[-1]
    sent = ledger.read_or_none("tasks", HOLDOUT) is not None
    missing = left_out(now, HOLDOUT)
    unsent = [each for each in unsent_holdout(now) if each not in missing] if sent and ledger.has_splits() else []
    return Loop(
        split=ledger.has_splits(),
        scored=ledger.has_zcore(),
        autostart=settings.autostart,
        may_push=settings.may_push,
        sends_holdout=settings.sandbox != "off",
        holdout_sent=sent and not unsent,
        unsent=content_hash(unsent) if unsent else "",
        to_relabel=_to_relabel(now),
        newest=newest,
        newest_sent=bool(newest)
        and ledger.read_or_none("tasks", newest) is not None
        and not prefilled.is_pending(now, newest),
        selection=ledger.read_or_none("selections", next_iteration(newest)) if newest else None,
    )
