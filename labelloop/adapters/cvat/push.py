"""Tasks sent to CVAT once, however often it is asked and wherever it was interrupted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from labelloop.adapters.cvat import label_specs
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.creation import (
    OnProgress,
    creation_state,
    read_task,
    remove_half_made,
    send_images,
    wait_for_creation,
)
from labelloop.adapters.cvat.jobs import jobs_of_task
from labelloop.adapters.cvat.names import split_images
from labelloop.adapters.cvat.projects import ProjectRef
from labelloop.adapters.cvat.refusals import CvatRefusedError
from labelloop.core.annotation import TaskRef, TaskSpec
from labelloop.core.errors import CvatError, CvatUnreachableError, LabelError

# Where a task carries its key: people rename tasks, and nobody else writes a tracker link like this one.
KEY_FIELD = "bug_tracker"
KEY_MARK = "labelloop:"
RETIRED_MARK = "labelloop-retired:"
MOST_NAME = 256
MOST_SHOWN = 5


def push_task(
    server: CvatServer, project: ProjectRef, spec: TaskSpec, *, on_progress: OnProgress | None = None
) -> TaskRef:
    """The task with the key of `spec`: found on the server and checked, or made.

    A half-made task of that key (no images in it) is waited for while the server works on it, then deleted and made
    again. A write whose answer was lost is looked up, never repeated.

    Args:
        server: The connection.
        project: Project the task belongs to.
        spec: What the task holds.
        on_progress: Called with the images uploaded so far and their total number.

    Raises:
        LabelError: If the upload names are not unique, or there is no image.
        MissingStateError: If an image is not on disk any more.
        CvatUnreachableError: If the server stops answering; pushing again goes on from there.
        CvatError: If the server cannot make the task, or the task there is holds other images or has other labels.
    """
    _refuse_ambiguous(spec)
    task_id = find_whole(server, project, spec.key)
    if task_id is None:
        split_images(spec.images, 1, 1)  # nothing is created before every image is known to be on disk
        task_id = _create(server, project, spec)
        _fill(server, task_id, spec, on_progress)
    return _verified(server, project, task_id, spec)


def retire_task(server: CvatServer, task_id: int, name: str) -> None:
    """Rename a task and take its key from it, so that no push finds it again; its labels stay as they are."""
    task = read_task(server, task_id)
    key = str(task.get(KEY_FIELD) or "").removeprefix(KEY_MARK).removeprefix(RETIRED_MARK)
    body = {"name": name[:MOST_NAME], KEY_FIELD: f"{RETIRED_MARK}{key}"}
    server.write("PATCH", f"/api/tasks/{task_id}", f"renaming task {task_id}", body)


def task_key(task: dict[str, Any]) -> str:
    """Key of a task that labelloop made, empty for all others."""
    mark = str(task.get(KEY_FIELD) or "")
    return mark.removeprefix(KEY_MARK) if mark.startswith(KEY_MARK) else ""


def retired_key(task: dict[str, Any]) -> str:
    """Key that a task had before it was retired, empty for all others."""
    mark = str(task.get(KEY_FIELD) or "")
    return mark.removeprefix(RETIRED_MARK) if mark.startswith(RETIRED_MARK) else ""


def _refuse_ambiguous(spec: TaskSpec) -> None:
    if not spec.images:
        raise LabelError(f"task '{spec.name}' would hold no image")
    counts = Counter(image.upload_name for image in spec.images)
    wrong = [name for name, count in counts.items() if count > 1 or "/" in name or "\\" in name]
    if wrong:
        raise LabelError(f"task '{spec.name}': upload names must be unique base names: {_some(wrong)}")


def find_whole(server: CvatServer, project: ProjectRef, key: str) -> int | None:
    """Id of the complete task with this key, one that the server still works on included; half-made ones are removed.

    Raises:
        CvatError: If there are several.
    """
    whole = [task_id for task_id in _with_key(server, project, key) if _is_whole(server, task_id)]
    if len(whole) > 1:
        ids = ", ".join(map(str, whole))
        raise CvatError(
            f"project '{project.name}' holds the same images in several tasks ({ids})",
            "Keep the one that people work on and delete the others in CVAT.",
        )
    return whole[0] if whole else None


def _with_key(server: CvatServer, project: ProjectRef, key: str) -> list[int]:
    doing = f"looking for task {key} in project '{project.name}'"
    tasks = server.list_all("/api/tasks", doing, project_id=project.id)
    return sorted(int(task["id"]) for task in tasks if task_key(task) == key)


def _is_whole(server: CvatServer, task_id: int) -> bool:
    if read_task(server, task_id).get("size"):
        return True
    wait_for_creation(server, task_id)
    if read_task(server, task_id).get("size"):
        return True
    remove_half_made(server, task_id)
    return False


def _create(server: CvatServer, project: ProjectRef, spec: TaskSpec) -> int:
    hint = f" [{spec.key[:8]}]"
    body = {
        "name": spec.name[: MOST_NAME - len(hint)] + hint,
        "project_id": project.id,
        "subset": spec.subset,
        KEY_FIELD: f"{KEY_MARK}{spec.key}",
    }
    if spec.segment_size:
        body["segment_size"] = spec.segment_size
    if spec.overlap:
        body["overlap"] = spec.overlap
    try:
        return int(server.write("POST", "/api/tasks", f"creating task '{spec.name}'", body)["id"])
    except CvatUnreachableError:
        made = _with_key(server, project, spec.key)
        if not made:
            raise
        return made[0]


def _fill(server: CvatServer, task_id: int, spec: TaskSpec, on_progress: OnProgress | None) -> None:
    try:
        send_images(server, task_id, spec, on_progress)
    except CvatRefusedError:
        remove_half_made(server, task_id)
        raise
    except CvatUnreachableError:
        if creation_state(server, task_id)[0] == "unknown":
            raise  # the upload broke off; the next push removes this task and starts again
    failure = wait_for_creation(server, task_id)
    if failure:
        remove_half_made(server, task_id)
        raise CvatError(
            f"CVAT could not make task '{spec.name}' of {len(spec.images)} images: {failure}",
            "One damaged image is enough for that; the task was removed.",
        )


def _verified(server: CvatServer, project: ProjectRef, task_id: int, spec: TaskSpec) -> TaskRef:
    """Read the task back and hold it against the spec."""
    task = read_task(server, task_id)
    if not task.get("size"):
        raise CvatUnreachableError(
            f"task {task_id} '{spec.name}' has no images, though CVAT does not work on it any more"
        )
    meta = server.get(f"/api/tasks/{task_id}/data/meta", f"reading the frames of task {task_id}")
    frame_of = {str(frame["name"]): number for number, frame in enumerate(meta["frames"])}
    _refuse_difference(task_id, spec, frame_of)
    jobs = jobs_of_task(server, task_id)
    covered = {frame for job in jobs for frame in range(job.start_frame, job.stop_frame + 1)}
    if not covered.issuperset(frame_of.values()):
        raise CvatError(f"the jobs of task {task_id} leave out {len(set(frame_of.values()) - covered)} of its frames")
    _refuse_other_labels(server, project, task_id, spec)
    return TaskRef(
        task_id=task_id,
        key=spec.key,
        name=str(task["name"]),
        url=f"{server.url}/tasks/{task_id}",
        size=len(frame_of),
        job_ids=tuple(job.job_id for job in jobs),
        frame_of=frame_of,
    )


def _refuse_difference(task_id: int, spec: TaskSpec, frame_of: dict[str, int]) -> None:
    names = {image.upload_name for image in spec.images}
    missing, foreign = sorted(names - frame_of.keys()), sorted(frame_of.keys() - names)
    if not missing and not foreign:
        return
    parts = [f"{len(missing)} are missing ({_some(missing)})"] if missing else []
    parts += [f"{len(foreign)} are not ours ({_some(foreign)})"] if foreign else []
    raise CvatError(
        f"task {task_id} '{spec.name}' does not hold the {len(names)} images of its key: {', '.join(parts)}",
        "Delete the task in CVAT and push again.",
    )


def _refuse_other_labels(server: CvatServer, project: ProjectRef, task_id: int, spec: TaskSpec) -> None:
    """Boxes go up by the ids of labels: under another id they would be refused, or be of another class."""
    there = {str(label["name"]): int(label["id"]) for label in label_specs.listed(server, "task", task_id)}
    other = {
        name: (ours, there.get(name, "none")) for name, ours in project.label_ids.items() if there.get(name) != ours
    }
    if other:
        told = [f"'{name}' had id {ours} in project '{project.name}' and has {now} in the task"
                for name, (ours, now) in other.items()]  # fmt: skip
        raise CvatError(
            f"task {task_id} '{spec.name}' has other labels than it was made with: {'; '.join(told)}",
            "Somebody changes the labels in CVAT at this moment; push again when they are done.",
        )


def _some(names: Sequence[str]) -> str:
    rest = f", and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return ", ".join(names[:MOST_SHOWN]) + rest
