"""Edits of the App on their way into CVAT: kept in a plain file until CVAT has them and the labels here are those.

From the moment that anything is written there, the file says what is to be. Until it is gone nothing is taken from the
tasks, nothing else is written into them, and the same command goes on.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from labelloop.adapters.cvat.rewrite import prepared
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.files.record_names import FROM_APP
from labelloop.core.errors import LabelError, MissingStateError
from labelloop.core.vocabulary import HOLDOUT
from labelloop.resources import half_written, repush
from labelloop.resources.app_edits import Edits, read_edits, refuse_edited_since
from labelloop.resources.backups import keep_edits
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.evaluated import match_again
from labelloop.resources.golden import show_golden_history
from labelloop.resources.layers import lay
from labelloop.resources.patches import show_patches_if_any
from labelloop.resources.project import Project
from labelloop.resources.taken import save_taken

Say = Callable[[str], None]


def begun(now: Project, batch: str) -> Edits | None:
    """The edits that are on their way since an earlier time; None where none are."""
    noted = now.ledger.read_or_none("rewriting", _note(batch))
    return None if noted is None else Edits.from_dict(noted)


def refuse_begun(now: Project, batch: str) -> None:
    """Refuse to write other labels while edits of the App are on their way.

    Raises:
        MissingStateError: If they are.
    """
    if begun(now, batch) is not None:
        raise MissingStateError(
            f"What was edited in the App is on its way into the tasks of {batch}",
            f"Run `labelloop repush {batch} --from-app` again.",
        )


def read(now: Project, dataset: DatasetResource, cvat: CvatResource, batch: str, say: Say) -> Edits:
    """What people changed in the App on labels of a batch.

    Raises:
        MissingStateError: If no image shows the labels of the batch.
        LabelError: If an edit cannot be brought to CVAT as it is.
    """
    server = cvat.server(now)
    with dataset.writing(now, say) as loop:
        return read_edits(now, loop, server, batch)


def plan(now: Project, cvat: CvatResource, batch: str, edits: Edits) -> list[repush.Rewriting]:
    """The tasks that the edits would change, each with the frames that would be others.

    Raises:
        MissingStateError: If people changed a task since; edits that were begun are put aside then.
    """
    with _put_aside_when_overtaken(now, batch):
        found = repush.compare(now, cvat, batch, edits.contents)
        repush.refuse_unknown(now, batch, found)
        return [each for each in found if each.frames]


def begin(
    now: Project, dataset: DatasetResource, cvat: CvatResource, batch: str, edits: Edits,
    plans: Sequence[repush.Rewriting], say: Say,
) -> None:  # fmt: skip
    """Note the edits, after all that could hinder them was looked at; nothing is written to CVAT.

    Raises:
        MissingStateError: If people changed a task since the plan was made.
        LabelError: If people went on in the App since the edits were read.
        CvatError: If a task could not hold what is to be written.
    """
    server = cvat.server(now)
    repush.refuse_changed(now, cvat, batch, plans)
    for each in plans:
        prepared(server, each.ours.task_id, each.ours)  # raises where it could not be written
    with dataset.writing(now, say) as loop:
        if read_edits(now, loop, server, batch) != edits:
            raise LabelError(f"People went on in the App while the edits of {batch} were looked at", "Run it again.")
        now.ledger.write("rewriting", _note(batch), edits.to_dict())


def carry_out(
    now: Project, dataset: DatasetResource, cvat: CvatResource, batch: str, edits: Edits,
    plans: list[repush.Rewriting], say: Say,
) -> None:  # fmt: skip
    """Write the edits that were begun, and make what CVAT has then the labels of the batch, here and in the App.

    Doing it again goes on where it broke off.

    Raises:
        MissingStateError: If people changed a task meanwhile.
        LabelError: If people went on in the App meanwhile.
        CvatError: If a task does not hold afterwards what was written.
    """
    with dataset.writing(now, say) as loop:
        refuse_edited_since(now, loop, batch, edits)
    with _put_aside_when_overtaken(now, batch):
        repush.carry_out(now, cvat, batch, plans, say)
        read_back = repush.compare(now, cvat, batch, edits.contents)
        repush.refuse_left(now, batch, read_back)
    with dataset.writing(now, say) as loop:
        refuse_edited_since(now, loop, batch, edits)
        save_taken(now, batch, [each.theirs for each in read_back])
        _show(now, loop, batch, edits)
    now.ledger.remove("rewriting", _note(batch))


def put_aside(now: Project, batch: str) -> list[str]:
    """Let edits be on their way no more; names the backups that hold the tasks as they were to be."""
    edits = begun(now, batch)
    if edits is None:
        return []
    names = keep_edits(now, batch, edits.contents)
    now.ledger.remove("rewriting", _note(batch))
    return names


def give_up(now: Project, batch: str) -> str:
    """Put edits aside that somebody does not want any more, unless a task is half written; says what became of them."""
    if half_written.is_any(now, batch):
        return f"they stay on their way, for a task is half written: `labelloop restore {batch}` lists what it held"
    return f"they are on their way no more; `labelloop restore {batch}` lists them: {', '.join(put_aside(now, batch))}"


def _show(now: Project, loop: LoopDataset, batch: str, edits: Edits) -> None:
    there = set(loop.known_ids()) & set(now.ledger.label_version(batch).reviewed)
    shown = sorted(there & set(edits.state))
    lay(now, loop, batch, shown)
    match_again(now, loop, shown)
    show_patches_if_any(now, loop)
    if batch == HOLDOUT:
        show_golden_history(now, loop)


@contextmanager
def _put_aside_when_overtaken(now: Project, batch: str) -> Iterator[None]:
    """Where people changed or deleted a task, edits are kept apart; never while one that is there is half written."""
    try:
        yield
    except MissingStateError as error:
        gone = error.task_ids if isinstance(error, repush.TasksGoneError) else ()
        if begun(now, batch) is None or half_written.is_any(now, batch, gone):
            raise
        names = ", ".join(put_aside(now, batch))
        raise MissingStateError(
            f"{error.what}. What was edited in the App is kept ({names})",
            f"{error.remedy} `labelloop restore {batch}` lists what is kept.",
        ) from error


def _note(batch: str) -> str:
    return f"{batch}/{FROM_APP}"
