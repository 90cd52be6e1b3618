"""How a project stands: counted from its plain files, and what the loop waits for in the words of its sensors."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import dagster as dg

from labelloop.adapters import mongod, sandbox_server
from labelloop.adapters.cvat import pull
from labelloop.cli.fleet import links
from labelloop.cli.up import is_up
from labelloop.core.decision import Act, Decision
from labelloop.core.errors import CvatUnreachableError, DatabaseError, LabelloopError
from labelloop.core.summary import Turn
from labelloop.core.vocabulary import HOLDOUT, TEST, Split
from labelloop.core.waiting import Batch, before_annotation
from labelloop.resources.app import batches
from labelloop.resources.cvat import CvatResource
from labelloop.resources.final import history, newest, reported
from labelloop.resources.history import stop_sentence, turns
from labelloop.resources.pool import remaining_pool
from labelloop.resources.project import Project
from labelloop.resources.runs import PARTITION_TAG, RunLog, report_dead_runs
from labelloop.sensors.looking import Looked, Seen, after_looking, look_at_batches, look_at_loop

IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Counts:
    """Images, by how far they are."""

    samples: int = 0
    pool: int = 0
    remaining: int = 0
    selected: int = 0
    annotated: int = 0
    holdout: int = 0
    holdout_annotated: int = 0


@dataclass(frozen=True)
class Status:
    """Everything `labelloop status` says.

    Attributes:
        cvat: Empty, or why CVAT could not be asked.
        waits_for: Sentences.
        comes_next: What the sensors start at their next tick.
        tasks: Open tasks: batch, name, url, jobs completed and in all, what is counted (jobs, or images in the App).
        needs: What needs a person, in sentences.
        running: Runs in flight.
        dead: Runs that were ended just now, because their process is gone.
        stopped: Why the loop stopped, or nothing.
        final: Final reports on test: iteration, model, map50, map50_95, images, and how often somebody looked.
    """

    project: str
    home: str
    up: bool
    links: dict[str, str]
    counts: Counts
    turns: Sequence[Turn]
    cvat: str = ""
    waits_for: Sequence[str] = ()
    comes_next: Sequence[str] = ()
    tasks: Sequence[dict[str, Any]] = ()
    needs: Sequence[str] = ()
    running: Sequence[dict[str, str]] = ()
    dead: Sequence[str] = field(default_factory=tuple)
    stopped: str = ""
    final: Sequence[dict[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """The status as JSON-like values."""
        plain = asdict(self)
        iterations = [asdict(turn) | {"seconds": round(turn.seconds, 1)} for turn in self.turns]
        del plain["turns"]
        return plain | {"iterations": iterations, "stopped": self.stopped or None}


def look(now: Project, instance: dg.DagsterInstance) -> Status:
    """The status of a project; starts nothing."""
    dead = report_dead_runs(instance)
    asked = _ask(now)
    decisions = _decide(now, asked, instance)
    test = [] if isinstance(asked, str) else _ask_test(now)
    return Status(
        project=now.settings.name,
        home=str(now.home.root),
        up=is_up(now.home),
        links=links(now),
        counts=count(now),
        turns=turns(now),
        cvat=asked if isinstance(asked, str) else "",
        waits_for=[
            *(decision.why for decision in decisions if decision.act is Act.WAIT),
            *(f"the final report waits for test: {batch.told}" for batch in test),
        ],
        comes_next=[f"{d.job} of {d.batch}: {d.why}" for d in decisions if d.act is Act.REQUEST],
        needs=[decision.why for decision in decisions if decision.act is Act.ALARM],
        tasks=[] if isinstance(asked, str) else _open_tasks([*asked.all, *test]),
        running=in_flight(instance),
        dead=dead,
        stopped=stop_sentence(now),
        final=final_reports(now),
    )


def given_up(now: Project, instance: dg.DagsterInstance) -> list[Decision]:
    """What the sensors tried too often, and leave to a person."""
    return [d for d in _decide(now, _ask(now), instance) if d.act is Act.ALARM and d.job is not None]


def count(now: Project) -> Counts:
    """Images by how far they are, from files alone."""
    ledger = now.ledger
    if not ledger.has_splits():
        return Counts(samples=len(ledger.samples_or_empty()))
    pool = set(ledger.in_split(Split.POOL))
    batches = {name: set(ledger.manifest(name)["sample_id"]) & pool for name in ledger.iterations()}
    annotated = {s for name, ids in batches.items() if ledger.has_labels(name) for s in ids}
    held = ledger.manifest(HOLDOUT)["sample_id"] if ledger.read_or_none("batches", HOLDOUT) else []
    return Counts(
        samples=len(ledger.samples()),
        pool=len(pool),
        remaining=len(remaining_pool(now)) if ledger.has_zcore() else len(pool),
        selected=len(set().union(*batches.values()) - annotated),
        annotated=len(annotated),
        holdout=len(held) or len(ledger.in_split(Split.VAL, Split.GOLDEN)),
        holdout_annotated=len(ledger.label_version(HOLDOUT).reviewed) if ledger.has_labels(HOLDOUT) else 0,
    )


def final_reports(now: Project) -> list[dict[str, Any]]:
    """What was told of test, by iteration."""
    looks = history(now)["iteration"].value_counts()
    return [
        {key: found[key] for key in ("iteration", "model", "map50", "map50_95", "images")}
        | {"looks": int(looks.get(name, 0))}
        for name in reported(now)
        for found in [newest(now, name)]
    ]


def in_flight(instance: dg.DagsterInstance) -> list[dict[str, str]]:
    """Runs that are not over."""
    return [
        {
            "run": run.run_id,
            "job": run.job_name,
            "partition": run.tags.get(PARTITION_TAG, ""),
            "status": run.status.value,
        }
        for run in instance.get_runs(dg.RunsFilter(statuses=IN_FLIGHT))
    ]


def _ask(now: Project) -> Looked | str:
    """The batches with what CVAT says of them, or why it says nothing."""
    try:
        _require_database(now)
        if now.settings.has_sandbox_server and sandbox_server.owned(now.home).port() is None:
            raise CvatUnreachableError("The sandbox server is not running", "`labelloop up` starts it.")
        found = look_at_batches(now, CvatResource(), Seen(seconds=0.0))
    except LabelloopError as error:
        return str(error)
    return Looked(
        [_as_taken(batch) for batch in found.iterations],
        _as_taken(found.holdout),
        [_as_taken(batch) for batch in found.relabels],
    )


def _ask_test(now: Project) -> list[Batch]:
    """Test, where it is with people for its report; CVAT answers, as it just did."""
    sent = now.ledger.read_or_none("tasks", TEST)
    if sent is None or now.ledger.has_labels(TEST):
        return []
    try:
        tasks = [task["task_id"] for task in sent["tasks"]]
        batch = Batch(TEST, tuple(pull.progress(CvatResource().watched(now), tasks)))
    except LabelloopError:  # the other batches say so
        return []
    return [] if batch.complete else [batch]


def _require_database(now: Project) -> None:
    """Looking starts nothing, so where people draw in the App its database has to be there."""
    if batches(now) and not mongod.is_up(now.home):
        raise DatabaseError("FiftyOne's database is not running", "`labelloop up` or `labelloop app` starts it.")


def _as_taken(batch: Batch) -> Batch:
    """A finished task is not read here: whether it was changed since is for the sensors to see."""
    return replace(batch, drawn=batch.taken) if batch.taken and batch.complete else batch


def _decide(now: Project, asked: Looked | str, instance: dg.DagsterInstance) -> list[Decision]:
    """What the sensors would decide at this moment."""
    runs = RunLog(instance, now.home)
    after = [] if isinstance(asked, str) else after_looking(now, asked, runs)
    return [*after, *before_annotation(look_at_loop(now), runs)]


def _open_tasks(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    return [
        {
            "batch": batch.name,
            "name": task.name,
            "url": task.url,
            "jobs_completed": task.jobs_completed,
            "jobs_total": task.jobs_total,
            "unit": task.unit,
        }
        for batch in batches
        for task in batch.progress or ()
        if task.found and not task.completed
    ]
