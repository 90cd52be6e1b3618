"""Labels of a batch here written over those in its CVAT tasks: only when asked, and never over what people did since.

What a task holds must be what some label version of the batch here says, so that nothing is lost by writing over it;
and it is backed up all the same. A task is written job by job: until that is done, a note here says what it was made
of, so that a task of which half was written is known as such, and the same command goes on with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labelloop.adapters.cvat import pull
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.rewrite import holding_as_there, named_as_there, to_be_held, write_content
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import ConfigError, CvatError, LabelError, MissingStateError
from labelloop.core.holding import Holding, deleted_in, is_made_of
from labelloop.core.task_diff import FrameDiff, diff, is_said_by
from labelloop.core.vocabulary import SOURCE
from labelloop.resources import app
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project

Say = Callable[[str], None]


@dataclass(frozen=True)
class Rewriting:
    """A task whose labels here are others than there: what it is to hold, what it holds, and where they differ.

    `is_known` is whether all it holds is here as well, so that nothing that people did would be lost from it.
    """

    ours: TaskContent
    theirs: TaskContent
    frames: tuple[FrameDiff, ...]
    is_known: bool = True


def require_sent(project: Project, batch: str) -> None:
    """Refuse a name that is none of a batch that labelloop sent.

    Raises:
        MissingStateError: If it is not; lists those there are.
    """
    sent = sorted(project.ledger.sent().keys() - {SOURCE})
    if batch not in sent:
        raise MissingStateError(f"'{batch}' was never sent to CVAT; sent were: {', '.join(sent) or 'none'}")


def plan(project: Project, cvat: CvatResource, batch: str) -> list[Rewriting]:
    """The tasks of a batch whose labels here, as they were last taken or changed since, are others than there.

    Raises:
        ConfigError: If `annotation.push` is false.
        MissingStateError: If the labels of the batch were never taken, or a task changed since.
        LabelError: If the batch was labelled in the App.
    """
    require_writable(project, batch)
    found = compare(project, cvat, batch, project.ledger.contents(batch)[0])
    refuse_unknown(project, batch, found)
    return [each for each in found if each.frames]


def require_writable(project: Project, batch: str) -> None:
    """Refuse a batch whose tasks must not be written, or that has none.

    Raises:
        ConfigError: If `annotation.push` is false.
        LabelError: If the batch was labelled in the App.
    """
    if not project.settings.may_push:
        raise ConfigError("annotation.push is false, so no task is written", f"Set it to true in {project.config}.")
    if app.is_in_app(project, batch):
        raise LabelError(f"{batch} is labelled in the App and has no CVAT task")


def compare(
    project: Project, cvat: CvatResource, batch: str, ours: Sequence[TaskContent], known: Sequence[TaskContent] = ()
) -> list[Rewriting]:
    """What the tasks of a batch are to hold, and what they hold, also where that is equal; nothing is changed there.

    Args:
        project: The project.
        cvat: The connection.
        batch: A batch that was sent.
        ours: What its tasks are to hold.
        known: What is kept here beside its label versions.
    """
    server = cvat.server(project)
    kept = [*project.ledger.all_contents(batch), *known]
    found = [_compared(project, server, batch, content, kept) for content in ours]
    for each in found:
        if each.is_known and not each.frames:  # what broke off last was only the answer
            project.ledger.remove("rewriting", _note(batch, each.ours.task_id))
    return found


def is_half_written(project: Project, batch: str) -> bool:
    """Whether writing a task broke off."""
    tasks = project.ledger.read("tasks", batch)["tasks"]
    return any(_begun(project, batch, task["task_id"]) for task in tasks)


def refuse_changed(project: Project, cvat: CvatResource, batch: str, plans: Sequence[Rewriting]) -> None:
    """Refuse a plan one of whose tasks changed since it was made.

    Raises:
        MissingStateError: If one did.
    """
    now = [pull.content(cvat.server(project), each.ours.task_id) for each in plans]
    changed = [content for content, each in zip(now, plans, strict=True) if content.revision != each.theirs.revision]
    if changed:
        raise _changed(project, batch, changed)


def refuse_unknown(project: Project, batch: str, compared: Sequence[Rewriting]) -> None:
    """Refuse tasks that hold what nothing here says.

    Raises:
        MissingStateError: If one does.
    """
    unknown = [each.theirs for each in compared if not each.is_known]
    if unknown:
        raise _changed(project, batch, unknown)


def refuse_left(project: Project, batch: str, compared: Sequence[Rewriting]) -> None:
    """Refuse tasks that do not hold what they are to hold, although it was written: people went on there.

    Raises:
        MissingStateError: If one does not.
    """
    left = [each.theirs for each in compared if each.frames]
    if left:
        raise _changed(project, batch, left)


def _compared(
    project: Project, server: CvatServer, batch: str, ours: TaskContent, kept: Sequence[TaskContent]
) -> Rewriting:
    task_id = ours.task_id
    names = pull.read_names(server, task_id)
    theirs = pull.content(server, task_id, names)
    mine, *known = named_as_there(server, [ours, *(each for each in kept if each.task_id == task_id)], names)
    is_known = is_said_by([mine, *known], theirs) or _is_partly_written(project, server, batch, theirs, names)
    return Rewriting(mine, theirs, tuple(diff(mine, theirs)), is_known)


def _is_partly_written(
    project: Project, server: CvatServer, batch: str, theirs: TaskContent, names: pull.Names
) -> bool:
    """Whether writing a task broke off, and each of its jobs holds what it held before or what it was to hold."""
    begun = [holding_as_there(each, names) for each in _begun(project, batch, theirs.task_id)]
    if not begun:
        return False
    now = Holding(pull.drawn_by_job(server, theirs.task_id, names), deleted_in(theirs))
    return is_made_of(begun, now, {frame.frame: frame.name for frame in theirs.frames})


def carry_out(
    project: Project,
    cvat: CvatResource,
    batch: str,
    plans: Sequence[Rewriting],
    say: Say,
    *,
    told: str = "the labels that are here",
) -> None:
    """Back up, write and read back each task of a plan; `told` are words for what it holds then.

    Raises:
        MissingStateError: If a task changed since the plan was made; those before it are written.
        CvatError: If a task does not hold afterwards what was written.
    """
    server = cvat.server(project)
    for each in plans:
        _carry_out(project, server, batch, each)
        say(f"task {each.ours.task_id} '{each.ours.name}' holds {told}, {each.ours.url}")


def _carry_out(project: Project, server: CvatServer, batch: str, each: Rewriting) -> None:
    task_id = each.ours.task_id
    names = pull.read_names(server, task_id)
    drawn = pull.drawn_by_job(server, task_id, names)  # before what is backed up, so that none of it is not
    now = pull.content(server, task_id, names)
    if now.revision != each.theirs.revision:
        raise _changed(project, batch, [now])
    back_up(project, batch, now, "task")
    parts = [Holding(drawn, deleted_in(now)), to_be_held(server, task_id, each.ours)]
    begun = [*_begun(project, batch, task_id), *parts]
    project.ledger.write("rewriting", _note(batch, task_id), [part.to_dict() for part in begun])
    left = diff(each.ours, write_content(server, task_id, each.ours))
    if left:
        raise CvatError(
            f"Task {task_id} was written and holds something else: {'; '.join(frame.told for frame in left[:5])}",
            f"What it held before is in backups/{batch} of {project.home.root}: `labelloop restore {batch}`.",
        )
    project.ledger.remove("rewriting", _note(batch, task_id))


def back_up(project: Project, batch: str, content: TaskContent, kind: str) -> str:
    """Keep a content where `labelloop restore` finds it; returns the name of the backup, which begins with its kind.

    Raises:
        CvatError: If it does not hold the content.
    """
    name = f"{kind}-{content.task_id}-{content.revision}"
    project.ledger.write("backups", f"{batch}/{name}", content.to_dict())
    if TaskContent.from_dict(project.ledger.read("backups", f"{batch}/{name}")) != content:
        raise CvatError(
            f"The backup {name} does not hold what task {content.task_id} does", "Check the disk; nothing was written."
        )
    return name


def _note(batch: str, task_id: int) -> str:
    return f"{batch}/task-{task_id}"


def _begun(project: Project, batch: str, task_id: int) -> list[Holding]:
    """What the jobs of a task held, and were to hold, when writing it broke off; nothing when it did not."""
    noted = project.ledger.read_or_none("rewriting", _note(batch, task_id)) or []
    return [Holding.from_dict(part) for part in noted if "deleted" in part]


def _changed(project: Project, batch: str, contents: Sequence[TaskContent]) -> MissingStateError:
    tasks = ", ".join(f"#{content.task_id} {content.url}" for content in contents)
    half = [c.task_id for c in contents if project.ledger.read_or_none("rewriting", _note(batch, c.task_id))]
    return MissingStateError(
        f"People changed tasks of {batch} since their labels were taken, so nothing is written over them: {tasks}",
        f"Writing broke off in {', '.join(f'#{task_id}' for task_id in half)}, so they cannot be taken as they are: "
        f"`labelloop restore {batch}` lists what they held before, and puts it back with --over-people."
        if half
        else "Take them first (job take_batch; take_holdout, take_relabel), then make your change again.",
    )
