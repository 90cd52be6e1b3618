"""Labels of a batch here written over those in its CVAT tasks: only when asked, and never over what people did since.

What a task holds must be what some label version of the batch here says, so that nothing is lost by writing over it;
and it is backed up all the same. A task is written job by job: until that is done, a note here says what it was made
of, so that a task of which half was written is known as such, and the same command goes on with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labelloop.adapters.cvat import pull
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.refusals import CvatRefusedError
from labelloop.adapters.cvat.rewrite import (
    named_as_there,
    prepared,
    write_prepared,
)
from labelloop.adapters.files.record_names import in_batch
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import ConfigError, CvatError, LabelError, LabelloopError, MissingStateError
from labelloop.core.holding import Holding, deleted_in
from labelloop.core.task_diff import FrameDiff, diff, is_said_by
from labelloop.core.vocabulary import SOURCE, PullMode
from labelloop.resources import app, half_written, restored
from labelloop.resources.backups import back_up
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project

Say = Callable[[str], None]


@dataclass(frozen=True)
class Rewriting:
    """A task whose labels here are others than there: what it is to hold, what it holds, and where they differ.

    `is_known` is whether all it holds is here as well, so that nothing that people did would be lost from it; `backup`
    the backup that it gets back, where it gets one back.
    """

    ours: TaskContent
    theirs: TaskContent
    frames: tuple[FrameDiff, ...]
    is_known: bool = True
    backup: str | None = None


class TasksGoneError(MissingStateError):
    """Tasks of a batch were deleted on the server; `task_ids` are theirs."""

    def __init__(self, what: str, remedy: str, task_ids: Sequence[int]) -> None:
        super().__init__(what, remedy)
        self.task_ids = tuple(task_ids)


def require_sent(project: Project, batch: str) -> None:
    """Refuse a name that is none of a batch that labelloop sent.

    Raises:
        MissingStateError: If it is not; lists those there are.
    """
    sent = sorted(project.ledger.sent().keys() - {SOURCE})
    if batch not in sent:
        raise MissingStateError(f"'{batch}' was never sent to CVAT; sent were: {', '.join(sent) or 'none'}")


def require_backed_up(project: Project, batch: str) -> None:
    """Refuse a name that is neither of a batch that labelloop sent nor of the project that it pulls from.

    Raises:
        MissingStateError: If it is not; lists those there are.
    """
    if batch != SOURCE or not project.ledger.has_labels(SOURCE):
        require_sent(project, batch)


def how_to_take(project: Project, batch: str) -> str:
    """Where the labels of a batch are taken anew, and what keeps them from it."""
    if batch != SOURCE:
        return "job take_batch; take_holdout, take_relabel"
    mode = project.settings.annotation.mode
    if mode in (PullMode.SKIP_EXISTING, PullMode.SKIP_IF_EXIST):
        return f"job prepare_pool, once annotation.pull_mode is {PullMode.TASK_TRACKING}: {mode} reads no task again"
    return "job prepare_pool"


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

    Raises:
        TasksGoneError: If one is on the server no more.
    """
    server = cvat.server(project)
    kept = [*project.ledger.all_contents(batch), *known]
    try:
        found = [_compared(project, server, batch, content, kept) for content in ours]
    except CvatRefusedError:
        _refuse_gone(server, batch, [content.task_id for content in ours])
        raise
    for each in found:
        if each.is_known and not each.frames:  # what broke off last was only the answer
            half_written.conclude(project, server, batch, each.theirs)
    return found


def _refuse_gone(server: CvatServer, batch: str, task_ids: Sequence[int]) -> None:
    gone = [task.task_id for task in pull.progress(server, task_ids) if not task.found]
    if gone:
        raise TasksGoneError(
            f"The tasks {', '.join(f'#{task_id}' for task_id in gone)} of {batch} are no longer on the server",
            "Their labels stay here as they were last taken."
            if batch == SOURCE
            else "Their labels stay here as they were last taken. Restore them in CVAT, or send the batch again: "
            "next_batch, send_holdout; `labelloop relabel` as long as its labels were not taken.",
            gone,
        )


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
    is_known = is_said_by([mine, *known], theirs) or half_written.is_from_attempts(
        project, server, batch, theirs, names
    )
    return Rewriting(mine, theirs, tuple(diff(mine, theirs)), is_known)


def carry_out(project: Project, cvat: CvatResource, batch: str, plans: Sequence[Rewriting], say: Say) -> None:
    """Back up, write and read back each task of a plan.

    Args:
        project: The project.
        cvat: The connection.
        batch: A batch that was sent.
        plans: The tasks, and what each is to hold.
        say: Where to tell what was written.

    Raises:
        MissingStateError: If a task changed since the plan was made; those before it are written.
        CvatError: If a task could not hold what is to be written, or does not hold afterwards what was.
    """
    server = cvat.server(project)
    for each in plans:  # before the first of them is written
        prepared(server, each.ours.task_id, each.ours)
    for number, each in enumerate(plans):
        try:
            _carry_out(project, server, batch, each)
        except LabelloopError as error:
            error.also(_how_far(project, batch, plans, number))
            raise
        told = "the labels that are here" if each.backup is None else "what is in its backup"
        say(f"task {each.ours.task_id} '{each.ours.name}' holds {told}, {each.ours.url}")


def _how_far(project: Project, batch: str, plans: Sequence[Rewriting], at: int) -> str:
    """Which tasks of a plan were written, and which were not, when it ended at one of them."""
    ids = [each.ours.task_id for each in plans]
    begun = at + 1 if half_written.attempts(project, batch, ids[at]) else at
    parts = {"written": ids[:at], "begun, perhaps written in part": ids[at:begun], "not written": ids[begun:]}
    told = (f"{how}: {', '.join(f'#{task_id}' for task_id in tasks)}" for how, tasks in parts.items() if tasks)
    return f"Of the tasks to be written, {'; '.join(told)}"


def _carry_out(project: Project, server: CvatServer, batch: str, each: Rewriting) -> None:
    task_id = each.ours.task_id
    names = pull.read_names(server, task_id)
    drawn = pull.drawn_by_job(server, task_id, names)  # before what is backed up, so that none of it is not
    now = pull.content(server, task_id, names)
    if now.revision != each.theirs.revision:
        raise _changed(project, batch, [now])
    ready = prepared(server, task_id, each.ours)
    back_up(project, batch, now, "task")
    is_first = not half_written.attempts(project, batch, task_id)
    half_written.note(project, batch, task_id, Holding(drawn, deleted_in(now)), ready.holding, each.backup)
    try:
        left = diff(each.ours, write_prepared(server, ready))
    except CvatRefusedError:
        if is_first and pull.content(server, task_id, names).revision == now.revision:
            half_written.forget(project, batch, task_id)  # nothing of it was written
        raise
    if left:
        raise CvatError(
            f"Task {task_id} was written and holds something else: {'; '.join(frame.told for frame in left[:5])}",
            f"What it held before is in backups/{batch} of {project.home.root}: `labelloop restore {batch}`.",
        )
    restored.note(project, batch, task_id, each.backup)
    half_written.forget(project, batch, task_id)


def _changed(project: Project, batch: str, contents: Sequence[TaskContent]) -> MissingStateError:
    tasks = ", ".join(f"#{content.task_id} {content.url}" for content in contents)
    return MissingStateError(
        f"People changed tasks of {batch} since their labels were taken, so nothing is written over them: {tasks}",
        how_to_end(project, batch, contents)
        or f"Take them first ({how_to_take(project, batch)}), then make your change again.",
    )


def how_to_end(project: Project, batch: str, contents: Sequence[TaskContent]) -> str:
    """What to do about those tasks that people changed after half of them was written; empty where none is."""
    half = [c.task_id for c in contents if project.ledger.read_or_none("rewriting", in_batch(batch, c.task_id))]
    if not half:
        return ""
    return (
        f"Writing broke off in {', '.join(f'#{task_id}' for task_id in half)}, so they cannot be taken as they are: "
        f"`labelloop restore {batch}` lists what they held before, and puts it back with --over-people; what "
        "they hold now is backed up before."
    )
