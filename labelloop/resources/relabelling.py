"""Labelled images that go to people again, because a class was appended that nobody has looked for on them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from labelloop.adapters.cvat import prefill, projects
from labelloop.adapters.files.ledger import HOLDOUT, SOURCE
from labelloop.core.annotation import AnnotatedFrame, TaskContent, TaskProgress
from labelloop.core.drawn import second_frames
from labelloop.core.errors import LabelError, MissingStateError
from labelloop.core.vocabulary import HELD_OUT, Split, relabel_name
from labelloop.resources import app, carried, outgoing
from labelloop.resources.cvat import CvatResource, Log
from labelloop.resources.labelled import Labelled, labelled
from labelloop.resources.project import Project

SPLITS = (Split.VAL, Split.GOLDEN, Split.POOL)


@dataclass(frozen=True)
class Sent:
    """What was sent: name of the batch, its record of tasks, shapes that were drawn for people, and could not be.

    `left_out` says for images that were chosen and not sent why.
    """

    batch: str
    tasks: dict[str, Any]
    carried: int
    left_behind: int
    left_out: Mapping[str, str] = field(default_factory=dict)


def concerned(now: Project, classes: Sequence[str], splits: Iterable[str] = SPLITS) -> list[str]:
    """Labelled images that nobody has gone through for these classes, nor is about to; sorted.

    Raises:
        LabelError: If there is no such class.
    """
    version = _version(now, classes)
    waiting = {
        sample_id
        for name in now.ledger.relabels()
        if not now.ledger.has_labels(name) and now.ledger.read("batches", name)["schema_version"] >= version
        for sample_id in now.ledger.manifest(name)["sample_id"]
    }
    wanted = set(now.ledger.in_split(*splits)) - waiting
    return [sample_id for sample_id in _everything(now).older_than(version) if sample_id in wanted]


def choose(now: Project, classes: Sequence[str], splits: Iterable[str] = SPLITS) -> str | None:
    """Write the next batch of images to go through again; None when there are none.

    Classes that came before the named ones and were not looked for either are asked for together with them.

    Raises:
        LabelError: If there is no such class.
    """
    found = concerned(now, classes, splits)
    unfit = outgoing.unfit_images(now, found)
    sample_ids = [sample_id for sample_id in found if sample_id not in unfit]
    if unfit and not sample_ids:
        raise outgoing.all_unfit("those that people should go through again", unfit)
    if not sample_ids:
        return None
    schema, known = now.ledger.schema(), _everything(now)
    version = _version(now, classes)
    oldest = min(known.looked_for[sample_id] for sample_id in sample_ids)
    asked = schema.classes_at(version)[len(schema.classes_at(oldest)) :]
    split_of = now.ledger.splits().set_index("sample_id")["split"]
    rows = [
        {"rank": rank, "sample_id": sample_id, "source": split_of[sample_id], "score": 0.0,
         "reason": f"nobody has looked for {', '.join(asked)} here"}
        for rank, sample_id in enumerate(sample_ids, start=1)
    ]  # fmt: skip
    name = relabel_name(len(now.ledger.relabels()) + 1)
    left_out = {"left_out": unfit} if unfit else {}
    now.ledger.write("batches", name, {"rows": rows, "classes": list(asked), "schema_version": version} | left_out)
    return name


def send(now: Project, cvat: CvatResource, log: Log) -> list[Sent]:
    """Find or create the tasks of all batches that are not back yet, with what is known drawn in them."""
    return [_send(now, cvat, name, log) for name in now.ledger.relabels() if not now.ledger.has_labels(name)]


def complete(now: Project, cvat: CvatResource) -> list[str]:
    """The batches that people are done with.

    Raises:
        MissingStateError: If there is none; says how far they are.
    """
    sent = {name: record for name in now.ledger.relabels() if (record := now.ledger.read_or_none("tasks", name))}
    if not sent:
        raise MissingStateError("No labelled image was sent to people again", "Run `labelloop relabel --for CLASS`.")
    progress = {name: cvat.progress(now, name) for name in sent}
    done = [name for name, tasks in progress.items() if all(task.completed for task in tasks)]
    if not done:
        raise MissingStateError(f"Nothing is annotated yet: {_told(progress)}", "Complete their jobs in CVAT.")
    return done


def refuse_lost(now: Project, batch: str, came_back: Iterable[str]) -> None:
    """Every image that was sent has to come back, or to be removed in CVAT."""
    lost = sorted(set(now.ledger.manifest(batch)["sample_id"]) - set(came_back))
    if lost:
        raise LabelError(f"{len(lost)} images of {batch} came back without a frame: {', '.join(lost[:5])}")


def _send(now: Project, cvat: CvatResource, name: str, log: Log) -> Sent:
    before = (now.ledger.read_or_none("tasks", name) or {}).get("filled", [])
    if not app.is_in_app(now, name):
        cvat.settle(now, name)
        outgoing.leave_out_unfit(now, name)
    record = cvat.send(now, name, now.ledger.manifest(name), log)
    if app.is_in_app(now, name):
        return Sent(name, record, 0, 0)  # what is known is there already
    server = cvat.server(now)
    label_ids = projects.find_project(server, now.settings.project_name).label_ids
    known = drawn_before(now, now.ledger.manifest(name)["sample_id"])
    fit = {s: [shape for shape in shapes if prefill.can_carry(shape, label_ids)] for s, shapes in known.items()}
    drawn = 0
    for task in record["tasks"]:
        if task["task_id"] not in before:
            shapes = {frame: fit.get(sample_id, []) for frame, sample_id in task["frames"].items()}
            jobs = prefill.prefill(server, task["task_id"], shapes, label_ids)
            carried.note(now, name, task, jobs, {number: label for label, number in label_ids.items()})
            drawn += sum(job.drawn for job in jobs)
    filled = {"filled": sorted(task["task_id"] for task in record["tasks"])}
    now.ledger.write("tasks", name, record | filled)
    left_behind = sum(map(len, known.values())) - sum(map(len, fit.values()))
    log(f"{name}: {drawn} shapes were drawn for people, {left_behind} could not be")
    return Sent(name, record, drawn, left_behind, outgoing.left_out(now, name))


def drawn_before(now: Project, sample_ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """What is known to be on these images, as shapes of CVAT with today's names of their classes."""
    wanted, schema = set(sample_ids), now.ledger.schema()
    source = now.ledger.source_labels()
    found = {str(s): [_rectangle(box) for box in boxes.itertuples()] for s, boxes in source.groupby("sample_id")}
    found = {sample_id: found[sample_id] for sample_id in wanted & set(found)} if _trusts(now) else {}
    held_out = set(now.ledger.in_split(*HELD_OUT))
    for name in filter(now.ledger.has_labels, [SOURCE, HOLDOUT, *now.ledger.iterations(), *now.ledger.relabels()]):
        blind = held_out if name in now.ledger.iterations() else set()
        contents, sample_of = now.ledger.contents(name)
        for frame in (frame for content in contents for frame in _counting(content, sample_of)):
            if sample_of[frame.name] in wanted - blind:
                everything = [*frame.shapes, *frame.tags, *frame.tracks]
                found[sample_of[frame.name]] = [_named(shape, schema.current(shape["label"])) for shape in everything]
    return found


def _counting(content: TaskContent, sample_of: Mapping[str, str]) -> Iterator[AnnotatedFrame]:
    second = second_frames(content, sample_of)
    return (frame for frame in content.frames if not frame.deleted and frame.frame not in second)


def _named(shape: Any, label: str) -> dict[str, Any]:
    """The shape with its label; tags and tracks, which have no points of their own, count as parts."""
    return {**shape, "label": label, "elements": shape.get("elements") or ([] if "points" in shape else ["other"])}


def _rectangle(box: Any) -> dict[str, Any]:
    return {"type": "rectangle", "label": box.label, "points": [box.x1, box.y1, box.x2, box.y2]}


def _trusts(now: Project) -> bool:
    return now.settings.trust_source_labels != "none" and now.settings.sandbox == "off"


def _version(now: Project, classes: Sequence[str]) -> int:
    schema = now.ledger.schema()
    return max(schema.version_of(schema.current(name)) for name in classes) if classes else schema.version


def _everything(now: Project) -> Labelled:
    """All labels there are."""
    return labelled(now, filter(now.ledger.has_labels, now.ledger.iterations()))


def _told(progress: dict[str, list[TaskProgress]]) -> str:
    tasks = [task for each in progress.values() for task in each]
    return "; ".join(f"{t.name} {t.jobs_completed} of {t.jobs_total} jobs, {t.url}" for t in tasks if not t.completed)


def as_table(now: Project) -> pd.DataFrame:
    """One row for each batch: what was looked for, how many images, whether it is back."""
    rows = [
        (name, ", ".join(now.ledger.read("batches", name)["classes"]), len(now.ledger.manifest(name)),
         "back" if now.ledger.has_labels(name) else "at people")
        for name in now.ledger.relabels()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["batch", "classes", "images", "state"])
