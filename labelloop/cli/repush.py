"""`labelloop repush`: labels of a batch that were changed here go back into its CVAT tasks."""

from collections.abc import Callable, Sequence

from labelloop.core.vocabulary import HOLDOUT, RELABEL, SOURCE, TEST
from labelloop.resources import from_app as edits_of_app
from labelloop.resources import repush as repushing
from labelloop.resources import restored
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.project import Project
from labelloop.resources.runs import stage_lock

Say = Callable[[str], None]
Agree = Callable[[str], bool]


def repush(now: Project, batch: str, say: Say, *, agreed: bool | Agree, from_app: bool = False) -> None:
    """Show what would change in the tasks of a batch, and change it when somebody agrees.

    Args:
        now: The project.
        batch: A batch that was sent.
        say: Where to tell what happens.
        agreed: Whether somebody agrees, or whom to ask.
        from_app: Whether it is about what was changed in the FiftyOne App since the labels were taken.

    Raises:
        MissingStateError: If a task changed since its labels were taken, or there are none.
        LabelError: If something was changed in the App that cannot be brought to CVAT.
        CvatError: If a task does not hold afterwards what was written.
    """
    repushing.require_sent(now, batch)
    repushing.require_writable(now, batch)
    cvat = CvatResource()
    with now.alone(lock_of(batch), say):
        if from_app:
            _from_app(now, cvat, batch, say, agreed)
            return
        edits_of_app.refuse_begun(now, batch)
        plans = repushing.plan(now, cvat, batch)
        if not plans:
            say(f"the tasks of {batch} hold the labels that are here")
        elif _is_agreed(now, batch, plans, say, agreed):
            repushing.carry_out(now, cvat, batch, plans, say)
            say(f"what they held before is in {now.home.root / 'backups' / batch}")


def _from_app(now: Project, cvat: CvatResource, batch: str, say: Say, agreed: bool | Agree) -> None:
    """The same with what was changed in the App; what was begun is ended first."""
    dataset, begun = DatasetResource(), edits_of_app.begun(now, batch)
    edits = begun or edits_of_app.read(now, dataset, cvat, batch, say)
    if edits.not_shown:
        say(f"{edits.not_shown} images of {batch} do not show its labels in FiftyOne, and stay as they are")
    plans = edits_of_app.plan(now, cvat, batch, edits)
    if not plans and not begun:
        say(f"nothing to do: the tasks of {batch} hold the labels that the App shows")
        return
    if begun:
        say(f"edits that were read from the App earlier are on their way into the tasks of {batch}")
    if plans and not _is_agreed(now, batch, plans, say, agreed):
        if begun:
            say(edits_of_app.give_up(now, batch))
        return
    if not begun:
        edits_of_app.begin(now, dataset, cvat, batch, edits, plans, say)
    edits_of_app.carry_out(now, dataset, cvat, batch, edits, plans, say)
    say(f"what they held before is in {now.home.root / 'backups' / batch}")


def is_agreed(
    plans: Sequence[repushing.Rewriting], question: str, say: Say, agreed: bool | Agree, warning: str = ""
) -> bool:
    """Whether somebody agrees to what would be written, after it was shown, and the warning after it."""
    for each in plans:
        say(f"task {each.ours.task_id} '{each.ours.name}', {each.ours.url}")
        if not each.is_known:
            say("  people changed it since its labels were taken: their work is in the new backup alone")
        for frame in each.frames:
            say(f"  {frame.told}")
    if warning:
        say(warning)
    yes = agreed if isinstance(agreed, bool) else agreed(question)
    if not yes:
        say("nothing was changed")
    return yes


def _is_agreed(now: Project, batch: str, plans: Sequence[repushing.Rewriting], say: Say, agreed: bool | Agree) -> bool:
    question = f"Write the labels that are here over those in {len(plans)} tasks of {batch}?"
    undone = restored.told(now, batch, (each.ours.task_id for each in plans))
    return is_agreed(plans, question, say, agreed, warning=undone)


def lock_of(batch: str) -> str:
    """That of whoever takes the labels of the batch."""
    alone = {HOLDOUT: "annotated_holdout", TEST: "final_report", SOURCE: "cvat_pull"}
    if batch in alone:
        return stage_lock(alone[batch])
    return stage_lock("annotated_relabel") if batch.startswith(RELABEL) else stage_lock("annotated_batch", batch)
