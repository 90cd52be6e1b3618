"""Work of people taken back: how far tasks are, and everything that was drawn, as the server gives it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labelloop.adapters.cvat import label_specs
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.creation import read_task
from labelloop.adapters.cvat.jobs import Job, find_jobs, jobs_of_task
from labelloop.adapters.cvat.push import retired_key, task_key
from labelloop.core.annotation import AnnotatedFrame, JobNote, RawShape, TaskContent, TaskProgress
from labelloop.core.errors import CvatError

KINDS = ("tags", "shapes", "tracks")
IDS_PER_REQUEST = 50  # ids travel in the address, whose length proxies limit


@dataclass(frozen=True)
class TaskSummary:
    """A task of a project as the list of tasks shows it; `key` is empty where labelloop did not make it.

    `completed` and `updated` count its annotation jobs where `tasks_of_people` gives it.
    """

    task_id: int
    name: str
    subset: str
    key: str
    size: int
    status: str
    updated: str
    url: str
    completed: bool = False
    retired_key: str = ""  # of a task that labelloop made and does not look for any more


@dataclass(frozen=True)
class Names:
    """Names behind the numbers in annotations."""

    labels: Mapping[int, str]
    attributes: Mapping[int, str]


def tasks_of_project(server: CvatServer, project_id: int) -> list[TaskSummary]:
    """Tasks of a project, oldest first; a task whose images are not there yet has size 0."""
    tasks = server.list_all("/api/tasks", f"listing the tasks of project {project_id}", project_id=project_id)
    return [_summary(server, task) for task in sorted(tasks, key=lambda task: task["id"])]


def tasks_of_people(server: CvatServer, project_id: int) -> list[TaskSummary]:
    """Tasks of a project that labelloop did not make, oldest first; two requests for up to 500 tasks.

    A task is completed when all its annotation jobs are: its own status waits for a ground-truth job as well. And
    `updated` moves with its jobs, which the task's own date does not.
    """
    tasks = [task for task in tasks_of_project(server, project_id) if not task.key]
    jobs: dict[int, list[Job]] = {task.task_id: [] for task in tasks}
    for job in find_jobs(server, f"listing the jobs of project {project_id}", project_id=project_id) if tasks else []:
        jobs.get(job.task_id, []).append(job)
    return [_with_jobs(task, jobs[task.task_id]) for task in tasks]


def frame_names(server: CvatServer, task_id: int) -> list[str]:
    """Names of the frames of a task, in order."""
    meta = server.get(f"/api/tasks/{task_id}/data/meta", f"reading the frames of task {task_id}")
    return [str(frame["name"]) for frame in meta["frames"]]


def finished_tasks(server: CvatServer, project_id: int) -> list[TaskSummary]:
    """Those tasks of people whose annotation jobs are all accepted and completed."""
    return [task for task in tasks_of_people(server, project_id) if task.completed]


def progress(server: CvatServer, task_ids: Sequence[int]) -> list[TaskProgress]:
    """How far people are with each of these tasks, in the given order; two requests for up to 50 tasks.

    Only annotation jobs count: a ground-truth job would hold a task back for ever.
    """
    tasks: dict[int, dict[str, Any]] = {}
    jobs: dict[int, list[Job]] = {task_id: [] for task_id in task_ids}
    for start in range(0, len(task_ids), IDS_PER_REQUEST):
        ids = list(task_ids[start : start + IDS_PER_REQUEST])
        doing = f"reading the progress of tasks {', '.join(map(str, ids))}"
        found = server.list_all("/api/tasks", doing, filter=_one_of("id", ids))
        tasks |= {int(task["id"]): task for task in found}
        for job in find_jobs(server, doing, filter=_one_of("task_id", ids)):
            jobs[job.task_id].append(job)
    return [_progress(server, task_id, tasks.get(task_id), jobs[task_id]) for task_id in task_ids]


def content(server: CvatServer, task_id: int, names: Names | None = None) -> TaskContent:
    """Everything a task holds at this moment, deleted frames included.

    Shapes are what the server sent, with `label` and the names of attributes beside its numbers, ordered by frame and
    id.

    Args:
        server: The connection.
        task_id: The task.
        names: Names of its labels, where they were read already.

    Raises:
        CvatError: If the task has no images yet, is a video, or the server refuses.
    """
    task = read_task(server, task_id)
    if not task.get("size"):
        raise CvatError(f"task {task_id} '{task['name']}' has no images yet", "Is CVAT still making it?")
    meta = server.get(f"/api/tasks/{task_id}/data/meta", f"reading the frames of task {task_id}")
    if len(meta["frames"]) != int(task["size"]):
        raise CvatError(f"task {task_id} '{task['name']}' is a video", "Labelloop takes tasks made of images.")
    names = names or read_names(server, task_id)
    raw = server.get(f"/api/tasks/{task_id}/annotations/", f"reading the annotations of task {task_id}")
    drawn = {kind: _by_frame(raw.get(kind) or [], names, len(meta["frames"])) for kind in KINDS}
    jobs = jobs_of_task(server, task_id)
    return TaskContent(
        task_id=task_id,
        name=str(task["name"]),
        subset=str(task.get("subset") or ""),
        url=f"{server.url}/tasks/{task_id}",
        frames=tuple(_frames(meta, jobs, drawn)),
        project_id=task.get("project_id"),
        jobs=tuple(JobNote(job.job_id, job.annotator, job.updated, job.completed) for job in jobs),
    )


def drawn_by_job(server: CvatServer, task_id: int, names: Names) -> dict[int, dict[str, list[RawShape]]]:
    """All that each annotation job of a task holds by itself, by kind; named like `content`."""
    drawn: dict[int, dict[str, list[RawShape]]] = {}
    for job in jobs_of_task(server, task_id):
        doing = f"reading the annotations of job {job.job_id}"
        raw = server.get(f"/api/jobs/{job.job_id}/annotations/", doing)
        drawn[job.job_id] = {kind: [_named(item, names) for item in raw.get(kind) or []] for kind in KINDS}
    return drawn


def _with_jobs(task: TaskSummary, jobs: Sequence[Job]) -> TaskSummary:
    updated = max([task.updated, *(job.updated for job in jobs)])
    return replace(task, updated=updated, completed=bool(jobs) and all(job.completed for job in jobs))


def _summary(server: CvatServer, task: dict[str, Any]) -> TaskSummary:
    return TaskSummary(
        task_id=int(task["id"]),
        name=str(task["name"]),
        subset=str(task.get("subset") or ""),
        key=task_key(task),
        size=int(task.get("size") or 0),
        status=str(task["status"]),
        updated=str(task["updated_date"]),
        url=f"{server.url}/tasks/{task['id']}",
        retired_key=retired_key(task),
    )


def _one_of(term: str, ids: Iterable[int]) -> str:
    return json.dumps({"or": [{"==": [{"var": term}, number]} for number in ids]})


def _progress(server: CvatServer, task_id: int, task: dict[str, Any] | None, jobs: Sequence[Job]) -> TaskProgress:
    done = sum(job.completed for job in jobs)
    # The task's own time stamp does not move with the state of a job.
    stamps = [str(task["updated_date"])] if task else []
    return TaskProgress(
        task_id=task_id,
        name=str(task["name"]) if task else "",
        url=f"{server.url}/tasks/{task_id}",
        found=task is not None,
        jobs_total=len(jobs),
        jobs_completed=done,
        completed=task is not None and bool(jobs) and done == len(jobs),
        updated=max(stamps + [job.updated for job in jobs], default=""),
    )


def read_names(server: CvatServer, task_id: int) -> Names:
    """Names of the labels of a task and of their attributes, those of sublabels among them, by number."""
    labels = label_specs.listed(server, "task", task_id)
    every = [*labels, *(sub for label in labels for sub in label.get("sublabels") or [])]
    return Names(
        {int(label["id"]): str(label["name"]) for label in every},
        {int(spec["id"]): str(spec["name"]) for label in every for spec in label.get("attributes") or []},
    )


def _by_frame(items: Iterable[RawShape], names: Names, size: int) -> dict[int, list[RawShape]]:
    """Items by frame and in the order of their ids; a track stands on every frame where it has a keyframe."""
    placed: dict[int, list[RawShape]] = {}
    for item in sorted(items, key=lambda item: (item["frame"], item["id"])):
        named = _named(item, names)
        for number in sorted({int(keyframe["frame"]) for keyframe in item.get("shapes", [item])}):
            if not 0 <= number < size:
                raise CvatError(f"CVAT gave an annotation on frame {number} of a task of {size} frames")
            placed.setdefault(number, []).append(named)
    return placed


def _frames(
    meta: Mapping[str, Any], jobs: Sequence[Job], drawn: Mapping[str, Mapping[int, list[RawShape]]]
) -> list[AnnotatedFrame]:
    deleted = set(meta.get("deleted_frames") or [])
    # Where jobs overlap, the earlier one has the frame.
    job_of = {frame: job.job_id for job in reversed(jobs) for frame in range(job.start_frame, job.stop_frame + 1)}
    return [
        AnnotatedFrame(
            frame=number,
            name=str(frame["name"]),
            width=int(frame["width"]),
            height=int(frame["height"]),
            deleted=number in deleted,
            job_id=job_of.get(number),
            shapes=tuple(drawn["shapes"].get(number, ())),
            tags=tuple(drawn["tags"].get(number, ())),
            tracks=tuple(drawn["tracks"].get(number, ())),
        )
        for number, frame in enumerate(meta["frames"])
    ]


def _named(item: RawShape, names: Names) -> dict[str, Any]:
    """The item with `label` and the names of its attributes, down to the shapes of tracks and parts of skeletons.

    Attributes and parts are ordered by their numbers: CVAT reads them from its database in no order of their own.
    """
    named = dict(item)
    if "label_id" in item:
        named["label"] = names.labels.get(item["label_id"], "")
    if "attributes" in item:
        said = sorted(item["attributes"], key=lambda value: int(value["spec_id"]))
        named["attributes"] = [{**value, "name": names.attributes.get(value["spec_id"], "")} for value in said]
    if "elements" in item:
        parts = sorted(item["elements"], key=lambda part: int(part["label_id"]))
        named["elements"] = [_named(part, names) for part in parts]
    if "shapes" in item:
        named["shapes"] = [_named(keyframe, names) for keyframe in item["shapes"]]
    return named
