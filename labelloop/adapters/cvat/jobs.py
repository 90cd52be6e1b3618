"""What annotators do to a job: draw, finish, take up again. Used by the sandbox's annotators and by tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labelloop.adapters.cvat.client import CvatServer
from labelloop.core.errors import CvatError

ANNOTATION_JOB = "annotation"  # the others are ground truth and consensus replicas


@dataclass(frozen=True)
class Job:
    """A job of a task: the frames `start_frame` to `stop_frame`, both included.

    `ever_assigned` is whether it was given to somebody, also where it was taken from them since.
    """

    job_id: int
    task_id: int
    type: str
    stage: str
    state: str
    start_frame: int
    stop_frame: int
    updated: str
    ever_assigned: bool = False
    annotator: str = ""  # user name of the assignee

    @property
    def completed(self) -> bool:
        """Accepted and completed, the only state in which nobody means to work on it any more."""
        return self.stage == "acceptance" and self.state == "completed"


def find_jobs(server: CvatServer, doing: str, **query: Any) -> list[Job]:
    """Annotation jobs that a query of CVAT's list of jobs selects, in the order of task and frames.

    Ground-truth jobs and consensus replicas are left out: they hold no labels of a batch.
    """
    listed = server.list_all("/api/jobs", doing, **query)
    jobs = [_job(raw) for raw in listed if raw.get("type", ANNOTATION_JOB) == ANNOTATION_JOB]
    return sorted(jobs, key=lambda job: (job.task_id, job.start_frame, job.job_id))


def jobs_of_task(server: CvatServer, task_id: int) -> list[Job]:
    """Annotation jobs of a task, by first frame.

    Raises:
        CvatError: If the server refuses.
    """
    return find_jobs(server, f"reading the jobs of task {task_id}", task_id=task_id)


def rectangle(label_id: int, frame: int, box: Sequence[float]) -> dict[str, Any]:
    """A box, `x1 y1 x2 y2` in pixels, as CVAT takes it; `frame` counts within the task."""
    return {"type": "rectangle", "frame": frame, "label_id": label_id, "points": [float(value) for value in box]}


def put_job_annotations(server: CvatServer, job_id: int, shapes: Sequence[Mapping[str, Any]]) -> None:
    """Replace everything in a job by these shapes.

    Raises:
        CvatError: If the server refuses, or keeps another number of shapes than were sent: it drops shapes on frames
            that it does not have, without a word.
    """
    body = {"version": 0, "tags": [], "shapes": list(shapes), "tracks": []}
    kept = server.write("PUT", f"/api/jobs/{job_id}/annotations/", f"writing the annotations of job {job_id}", body)
    _count(job_id, len(shapes), kept)


def change_shapes(
    server: CvatServer,
    job_id: int,
    action: Literal["create", "update", "delete"],
    shapes: Sequence[Mapping[str, Any]],
) -> None:
    """Create, update or delete single shapes of a job; the last two know a shape by its `id`.

    Raises:
        CvatError: If the server refuses or changes another number of shapes.
    """
    sent = [_as_sent(shape) for shape in shapes]
    kept = server.write(
        "PATCH",
        f"/api/jobs/{job_id}/annotations/",
        f"changing the annotations of job {job_id}",
        {"shapes": sent},
        action=action,
    )
    _count(job_id, len(shapes), kept)


def complete_job(server: CvatServer, job_id: int) -> None:
    """Accept and complete a job. Both are sent at once: a new stage alone resets the state."""
    _set(server, job_id, "acceptance", "completed")


def reopen_job(server: CvatServer, job_id: int) -> None:
    """Take up a job again, as an annotator does who has found something."""
    _set(server, job_id, "annotation", "in progress")


def delete_frames(server: CvatServer, task_id: int, frames: Sequence[int]) -> None:
    """Mark exactly these frames of a task as deleted; none: all are back."""
    body = {"deleted_frames": sorted(frames)}
    server.write("PATCH", f"/api/tasks/{task_id}/data/meta", f"deleting frames of task {task_id}", body)


def _set(server: CvatServer, job_id: int, stage: str, state: str) -> None:
    server.write("PATCH", f"/api/jobs/{job_id}", f"setting job {job_id} to {state}", {"stage": stage, "state": state})


def _as_sent(shape: Mapping[str, Any]) -> dict[str, Any]:
    """A shape without the names that `pull.content` adds to it."""
    attributes = [{"spec_id": item["spec_id"], "value": item["value"]} for item in shape.get("attributes", [])]
    elements = [_as_sent(element) for element in shape.get("elements", [])]
    bare = {key: value for key, value in shape.items() if key != "label"}
    return bare | {"attributes": attributes, "elements": elements}


def _count(job_id: int, sent: int, kept: Any) -> None:
    number = len((kept or {}).get("shapes", []))
    if number != sent:
        raise CvatError(f"CVAT kept {number} of {sent} shapes sent to job {job_id}", "Are all frames those of the job?")


def _job(raw: Mapping[str, Any]) -> Job:
    return Job(
        job_id=int(raw["id"]),
        task_id=int(raw["task_id"]),
        type=str(raw.get("type", ANNOTATION_JOB)),
        stage=str(raw["stage"]),
        state=str(raw["state"]),
        start_frame=int(raw["start_frame"]),
        stop_frame=int(raw["stop_frame"]),
        updated=str(raw.get("updated_date", "")),
        ever_assigned=bool(raw.get("assignee") or raw.get("assignee_updated_date")),
        annotator=str((raw.get("assignee") or {}).get("username", "")),
    )
