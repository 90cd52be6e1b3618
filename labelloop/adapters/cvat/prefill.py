"""Shapes put into a task before people begin: what is known about its images, or what a model takes them to show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.adapters.cvat import label_specs
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import Job, jobs_of_task, put_job_annotations, rectangle
from labelloop.core.annotation import RawShape
from labelloop.core.boxes import CORNERS
from labelloop.core.errors import CvatError
from labelloop.core.vocabulary import AUTOMATIC, DrawnBy

KEPT = ("type", "points", "rotation", "occluded", "outside", "z_order")  # of a shape, wherever it is drawn again
SCORE_NAMES = ("score", "confidence")  # attributes of a label that take how sure the model is
NEAR = 0.01  # pixels; servers keep more digits than this

Shapes = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class FilledJob:
    """What became of the shapes meant for a job.

    Attributes:
        job_id: The job.
        names: Names of the frames of `meant`.
        meant: Shapes as they were to be sent, in the order of frames, within one as they were given.
        written: Whether they were written now.
        there: All shapes in the job, read back after writing, or as they were found.
    """

    job_id: int
    names: tuple[str, ...]
    meant: tuple[RawShape, ...]
    written: bool
    there: tuple[RawShape, ...]

    @property
    def is_ours(self) -> bool:
        """Whether the shapes were written, now or by a run that broke off before it could say so."""
        return self.written or any(shape.get("source") in AUTOMATIC for shape in self.there)

    @property
    def drawn(self) -> int:
        """How many shapes were written now."""
        return len(self.meant) if self.written else 0

    def shape_ids(self) -> list[int | None]:
        """CVAT's id of each shape that was meant; None where it is not there, or not as it was sent."""
        left = list(self.there)
        ids: list[int | None] = []
        for shape in self.meant:
            found = next((place for place, other in enumerate(left) if _is_same(shape, other)), None)
            ids.append(None if found is None else int(left.pop(found)["id"]))
        return ids


def can_carry(shape: Mapping[str, Any], label_ids: Mapping[str, int]) -> bool:
    """Whether a shape can be drawn again in another task: one with parts has ids of its own task in them."""
    return shape["label"] in label_ids and not shape.get("elements")


def prefill(server: CvatServer, task_id: int, shapes: Shapes, label_ids: Mapping[str, int]) -> list[FilledJob]:
    """Draw shapes of other tasks in the jobs of a task that nobody has begun and that are empty, as `fill` does.

    Doing it again draws nothing twice, and never touches what people did.

    Args:
        server: The connection.
        task_id: The task.
        shapes: By frame name; each with `label`, the name of a label of the task.
        label_ids: CVAT's id of each label.

    Raises:
        CvatError: If the server refuses, or keeps another number of shapes.
    """
    return fill(server, task_id, {name: [_redrawn(shape, label_ids) for shape in own] for name, own in shapes.items()})


def fill(server: CvatServer, task_id: int, shapes: Shapes) -> list[FilledJob]:
    """Draw shapes in the jobs of a task that nobody has begun and that are empty, and read them back.

    Args:
        server: The connection.
        task_id: The task.
        shapes: By frame name, as CVAT takes them but for the number of the frame.

    Returns:
        The jobs for which there was something, by first frame.

    Raises:
        CvatError: If the server refuses, or has other shapes afterwards.
    """
    meta = server.get(f"/api/tasks/{task_id}/data/meta", f"reading the frames of task {task_id}")
    names = [str(frame["name"]) for frame in meta["frames"]]
    left = {number: shapes.get(name, ()) for number, name in enumerate(names)}
    filled = []
    for job in jobs_of_task(server, task_id):
        frames = range(job.start_frame, job.stop_frame + 1)
        # Where jobs overlap, a frame belongs to the first.
        meant = tuple({**shape, "frame": frame} for frame in frames for shape in left.pop(frame, ()))
        if meant:
            written, there = _fill_job(server, job, meant)
            filled.append(FilledJob(job.job_id, tuple(names[s["frame"]] for s in meant), meant, written, there))
    for done in filled:
        _require_all(done)
    return filled


def proposals(boxes: Iterable[Any], label_ids: Mapping[str, int], specs: Mapping[str, dict]) -> list[dict[str, Any]]:
    """Predicted boxes as shapes for `fill`: automatic ones, with the score where the label has an attribute for it.

    Args:
        boxes: Rows with label, x1, y1, x2, y2 (pixels) and score.
        label_ids: CVAT's id of each label.
        specs: What `score_specs` gave.
    """
    shapes = []
    for box in boxes:
        label_id = label_ids[box.label]
        shape = rectangle(label_id, 0, [getattr(box, name) for name in CORNERS]) | {"source": str(DrawnBy.AUTO)}
        if box.label in specs:
            spec = specs[box.label]
            shape["attributes"] = [{"spec_id": spec["id"], "value": _told(box.score, spec)}]
        shapes.append(shape)
    return shapes


def score_specs(server: CvatServer, project_id: int) -> dict[str, dict[str, Any]]:
    """The number or text attribute for a score, as CVAT describes it, of each label that has one."""
    labels = label_specs.listed(server, "project", project_id)
    return {
        str(label["name"]): spec
        for label in labels
        for spec in label.get("attributes") or []
        if spec["name"].lower() in SCORE_NAMES and (spec["input_type"] == "text" or _bounds(spec))
    }


def _bounds(spec: Mapping[str, Any]) -> tuple[float, ...]:
    """Lowest value, highest value and step of a number attribute; empty for anything else."""
    try:
        values = tuple(float(value) for value in spec["values"]) if spec["input_type"] == "number" else ()
    except ValueError:
        return ()
    return values if len(values) == 3 and values[2] > 0 else ()


def _told(score: float, spec: Mapping[str, Any]) -> str:
    """The score as the attribute takes it: a number attribute has bounds and a step, and may count in percent."""
    bounds = _bounds(spec)
    if not bounds:
        return f"{score:.2f}"
    low, high, step = bounds
    wanted = min(max(score * 100 if high > 1 else score, low), high)
    return f"{low + round((wanted - low) / step) * step:.6g}"


def _fill_job(server: CvatServer, job: Job, meant: Sequence[RawShape]) -> tuple[bool, tuple[RawShape, ...]]:
    """Whether the shapes were written, and what is in the job then."""
    there = _annotations(server, job)
    empty = not any(there.get(kind) for kind in ("shapes", "tags", "tracks"))
    if not empty or (job.stage, job.state) != ("annotation", "new"):
        return False, tuple(there.get("shapes") or ())
    put_job_annotations(server, job.job_id, meant)
    return True, tuple(_annotations(server, job)["shapes"])


def _require_all(job: FilledJob) -> None:
    lost = job.shape_ids().count(None) if job.written else 0
    if lost:
        raise CvatError(
            f"CVAT has {len(job.there)} shapes in job {job.job_id} where {len(job.meant)} were written, {lost} of them "
            "not as they were sent",
            "Did somebody begin it at this moment? Run the step again.",
        )


def _annotations(server: CvatServer, job: Job) -> dict[str, Any]:
    found: dict[str, Any] = server.get(
        f"/api/jobs/{job.job_id}/annotations/", f"reading the annotations of job {job.job_id}"
    )
    return found


def _is_same(one: RawShape, other: RawShape) -> bool:
    if any(one[key] != other[key] for key in ("frame", "label_id", "type")):
        return False
    points = zip(one["points"], other["points"], strict=False)
    return len(one["points"]) == len(other["points"]) and all(abs(a - b) <= NEAR for a, b in points)


def _redrawn(shape: Mapping[str, Any], label_ids: Mapping[str, int]) -> dict[str, Any]:
    """The shape as CVAT takes it on another frame; attributes only where they are those of the same label."""
    new = {key: shape[key] for key in KEPT if key in shape} | {"label_id": label_ids[shape["label"]]}
    if shape.get("attributes") and shape.get("label_id") == new["label_id"]:
        new["attributes"] = [{"spec_id": value["spec_id"], "value": value["value"]} for value in shape["attributes"]]
    return new
