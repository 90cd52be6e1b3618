"""Notes of tasks while they are written, job by job: a task that is half written is known as such.

A note holds what each attempt found in the jobs and was to write; it is gone once the task holds all of it.
"""

from collections.abc import Collection, Sequence
from typing import Any

from labelloop.adapters.cvat import pull
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.rewrite import holding_as_there
from labelloop.adapters.files.record_names import in_batch, of_task
from labelloop.core.annotation import TaskContent
from labelloop.core.holding import Holding, deleted_in, is_made_of
from labelloop.resources import restored
from labelloop.resources.project import Project


def is_any(project: Project, batch: str, besides: Collection[int] = ()) -> bool:
    """Whether writing a task of a batch broke off, `besides` left out."""
    return any(attempts(project, batch, task) for task in project.ledger.task_ids(batch) if task not in besides)


def unfinished(project: Project, server: CvatServer, batch: str) -> list[int]:
    """Tasks of a batch whose writing broke off, or goes on at the moment.

    What was noted of tasks that are on the server no more is forgotten: nobody could write them to the end.
    """
    tasks = project.ledger.task_ids(batch)
    noted = [task for task in tasks if project.ledger.read_or_none("rewriting", in_batch(batch, task)) is not None]
    found = {task.task_id: task.found for task in pull.progress(server, noted)}
    for task in noted:
        if not found[task]:
            forget(project, batch, task)
    return [task for task in noted if found[task]]


def attempts(project: Project, batch: str, task_id: int) -> list[dict[str, Any]]:
    """What each attempt found in a task and was to write, in order; beside the latter the `backup` it came from."""
    noted = project.ledger.read_or_none("rewriting", in_batch(batch, task_id)) or []
    return [part for part in noted if "deleted" in part]  # older notes have one more


def note(project: Project, batch: str, task_id: int, found: Holding, wanted: Holding, backup: str | None) -> None:
    """Note an attempt before anything of it is written, beside those before."""
    attempt = [found.to_dict(), {**wanted.to_dict(), "backup": backup}]
    project.ledger.write("rewriting", in_batch(batch, task_id), [*attempts(project, batch, task_id), *attempt])


def forget(project: Project, batch: str, task_id: int) -> None:
    """The task is not half written, or not any more."""
    project.ledger.remove("rewriting", in_batch(batch, task_id))


def forget_others(project: Project, batch: str) -> None:
    """What was noted of tasks that the batch has no more is of no use to any other."""
    kept = set(map(of_task, project.ledger.task_ids(batch)))
    for path in (project.home.root / "rewriting" / batch).glob(f"{of_task('*')}.json"):
        if path.stem not in kept:
            project.ledger.remove("rewriting", f"{batch}/{path.stem}")


def is_from_attempts(project: Project, server: CvatServer, batch: str, theirs: TaskContent, names: pull.Names) -> bool:
    """Whether writing a task broke off, and each of its jobs holds what it held before or what it was to hold."""
    noted = attempts(project, batch, theirs.task_id)
    return bool(noted) and _is_made_of(noted, server, theirs, names)


def conclude(project: Project, server: CvatServer, batch: str, theirs: TaskContent) -> None:
    """Writing a task is over: note where what it holds came from, if that was written and not only meant to be."""
    noted = attempts(project, batch, theirs.task_id)
    if not noted:
        return
    names = pull.read_names(server, theirs.task_id)
    for part in noted:
        if "backup" in part and _is_made_of([part], server, theirs, names):
            restored.note(project, batch, theirs.task_id, part["backup"])
    forget(project, batch, theirs.task_id)


def _is_made_of(noted: Sequence[dict[str, Any]], server: CvatServer, theirs: TaskContent, names: pull.Names) -> bool:
    now = Holding(pull.drawn_by_job(server, theirs.task_id, names), deleted_in(theirs))
    parts = [holding_as_there(Holding.from_dict(part), names) for part in noted]
    return is_made_of(parts, now, {frame.frame: frame.name for frame in theirs.frames})
