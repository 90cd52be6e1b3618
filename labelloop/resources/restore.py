"""What a task of CVAT held before it was written over, put back from its backup: only when asked.

It goes the way of `resources.repush`: the difference is shown, what is there now is backed up first, and what was
written is read back. The labels here stay as they are: the task holds something else then, so it is taken again.
"""

from collections.abc import Sequence
from dataclasses import replace

from labelloop.adapters.cvat.rewrite import prepared
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import LabelError, MissingStateError
from labelloop.core.vocabulary import SOURCE
from labelloop.resources.backups import Backup, backups
from labelloop.resources.cvat import CvatResource
from labelloop.resources.from_app import begun
from labelloop.resources.project import Project
from labelloop.resources.repush import Rewriting, compare, how_to_end, how_to_take, require_writable
from labelloop.resources.source_pull import stored_tasks


def plan(
    project: Project, cvat: CvatResource, batch: str, names: Sequence[str], *, over_people: bool
) -> list[Rewriting]:
    """The tasks that would be written to hold what these backups do; nothing is changed there.

    Args:
        project: The project.
        cvat: The connection.
        batch: A batch that was sent, or the source.
        names: Backups, at most one of each task.
        over_people: Whether tasks may be written that hold what nothing here says; it is in the backup alone then.

    Raises:
        ConfigError: If `annotation.push` is false.
        MissingStateError: If there is no such backup, or people changed a task and `over_people` is false.
        CvatError: If a task could not hold what is in its backup.
        LabelError: If the batch was labelled in the App, two backups are of one task, or it is none of the batch.
    """
    require_writable(project, batch)
    there = {each.name: each for each in backups(project, batch)}
    chosen = _chosen(project, batch, there, names)
    on_their_way = begun(project, batch)
    edited = on_their_way.contents if on_their_way else ()
    whole = stored_tasks(project) if batch == SOURCE else ()
    found = compare(project, cvat, batch, chosen, [*(each.content for each in there.values()), *edited, *whole])
    unknown = [each.theirs for each in found if each.frames and not each.is_known]
    if unknown and not over_people:
        raise MissingStateError(
            f"People changed tasks of {batch} since their labels were taken: "
            f"{', '.join(f'#{theirs.task_id} {theirs.url}' for theirs in unknown)}",
            how_to_end(project, batch, unknown)
            or f"Take them first ({how_to_take(project, batch)}), or write over them with --over-people: what they "
            "hold is backed up before.",
        )
    name_of = {there[name].content.task_id: name for name in names}
    others = [replace(each, backup=name_of[each.ours.task_id]) for each in found if each.frames]
    for each in others:
        prepared(cvat.server(project), each.ours.task_id, each.ours)  # raises where it could not be written
    return others


def _chosen(project: Project, batch: str, there: dict[str, Backup], names: Sequence[str]) -> list[TaskContent]:
    unknown = sorted(set(names) - there.keys())
    if unknown:
        raise MissingStateError(
            f"{batch} has no backup {', '.join(unknown)}; there are: {', '.join(there) or 'none'}",
            f"`labelloop restore {batch}` lists them.",
        )
    contents = [there[name].content for name in dict.fromkeys(names)]
    tasks = [content.task_id for content in contents]
    if len(set(tasks)) < len(tasks):
        raise LabelError("Two of these backups are of one task", "Name one of each.")
    strange = sorted(set(tasks).difference(project.ledger.task_ids(batch)))
    if strange:
        raise LabelError(f"{', '.join(f'#{task}' for task in strange)} is no task of {batch} any more")
    return contents
