"""People at work in CVAT: they take a task up again, draw, and complete it."""

from collections.abc import Callable, Mapping
from typing import Any

from labelloop.adapters.cvat.jobs import complete_job, jobs_of_task, put_job_annotations, rectangle, reopen_job
from labelloop.adapters.cvat.projects import find_project
from labelloop.adapters.cvat.pull import content
from labelloop_tests.worlds import World

Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def complete(world: World, task: Mapping[str, Any]) -> None:
    """Accept and complete a task as it is."""
    server = world.cvat.server(world.now)
    for job in jobs_of_task(server, task["task_id"]):
        complete_job(server, job.job_id)


def draw(world: World, task: Mapping[str, Any]) -> None:
    """Draw the true boxes on one task, and complete it."""
    server, truth = world.cvat.server(world.now), world.now.ledger.source_labels()
    label_ids = find_project(server, world.now.settings.project_name).label_ids
    frames = content(server, task["task_id"]).frames
    for job in jobs_of_task(server, task["task_id"]):
        shapes = [
            rectangle(label_ids[row.label], frame.frame, (row.x1, row.y1, row.x2, row.y2))
            for frame in frames
            for row in truth[truth["sample_id"] == task["frames"][frame.name]].itertuples()
            if frame.job_id == job.job_id
        ]
        put_job_annotations(server, job.job_id, shapes)
        complete_job(server, job.job_id)


def finish(world: World, batch: str, change: Change = list) -> None:
    """Take every task of a batch up again, save its boxes as they are or as `change` makes them, and complete it."""
    server = world.cvat.server(world.now)
    for task in world.now.ledger.read("tasks", batch)["tasks"]:
        drawn = content(server, task["task_id"])
        for job in jobs_of_task(server, task["task_id"]):
            reopen_job(server, job.job_id)
            frames = range(job.start_frame, job.stop_frame + 1)
            shapes = [_as_drawn(shape) for frame in frames for shape in drawn.frames[frame].shapes]
            put_job_annotations(server, job.job_id, change(shapes))
            complete_job(server, job.job_id)


def without_the_last(shapes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return shapes[:-1]


def _as_drawn(shape: Mapping[str, Any]) -> dict[str, Any]:
    """A box as a person draws it: CVAT gives it a new id."""
    return {key: shape[key] for key in ("type", "frame", "label_id", "points")}
