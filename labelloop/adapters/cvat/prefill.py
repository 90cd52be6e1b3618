"""What is known about images, put into a task before people begin, so that they only add what is missing."""

from collections.abc import Mapping, Sequence
from typing import Any

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import Job, jobs_of_task, put_job_annotations

KEPT = ("type", "points", "rotation", "occluded", "outside", "z_order")  # of a shape, wherever it is drawn again

Shapes = Mapping[str, Sequence[Mapping[str, Any]]]


def can_carry(shape: Mapping[str, Any], label_ids: Mapping[str, int]) -> bool:
    """Whether a shape can be drawn again in another task: one with parts has ids of its own task in them."""
    return shape["label"] in label_ids and not shape.get("elements")


def prefill(server: CvatServer, task_id: int, shapes: Shapes, label_ids: Mapping[str, int]) -> int:
    """Draw shapes in the jobs of a task that nobody has begun and that are empty; returns how many were drawn.

    Doing it again draws nothing twice, and never touches what people did.

    Args:
        server: The connection.
        task_id: The task.
        shapes: By frame name; each with `label`, the name of a label of the task.
        label_ids: CVAT's id of each label.

    Raises:
        CvatError: If the server refuses, or keeps another number of shapes.
    """
    meta = server.get(f"/api/tasks/{task_id}/data/meta", f"reading the frames of task {task_id}")
    by_frame = {number: shapes.get(str(frame["name"]), ()) for number, frame in enumerate(meta["frames"])}
    drawn = 0
    for job in jobs_of_task(server, task_id):
        if not _is_untouched(server, job):
            continue
        frames = range(job.start_frame, job.stop_frame + 1)
        # Where jobs overlap, a frame belongs to the first.
        new = [_redrawn(shape, frame, label_ids) for frame in frames for shape in by_frame.pop(frame, ())]
        if new:
            put_job_annotations(server, job.job_id, new)
        drawn += len(new)
    return drawn


def _is_untouched(server: CvatServer, job: Job) -> bool:
    if (job.stage, job.state) != ("annotation", "new"):
        return False
    there = server.get(f"/api/jobs/{job.job_id}/annotations/", f"reading the annotations of job {job.job_id}")
    return not any(there.get(kind) for kind in ("shapes", "tags", "tracks"))


def _redrawn(shape: Mapping[str, Any], frame: int, label_ids: Mapping[str, int]) -> dict[str, Any]:
    """The shape as CVAT takes it on another frame; attributes only where they are those of the same label."""
    new = {key: shape[key] for key in KEPT if key in shape} | {"frame": frame, "label_id": label_ids[shape["label"]]}
    if shape.get("attributes") and shape.get("label_id") == new["label_id"]:
        new["attributes"] = [{"spec_id": value["spec_id"], "value": value["value"]} for value in shape["attributes"]]
    return new
