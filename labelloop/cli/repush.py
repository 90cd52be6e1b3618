"""`labelloop repush`: labels of a batch that were changed here go back into its CVAT tasks."""

from collections.abc import Callable

from labelloop.core.vocabulary import HOLDOUT, RELABEL
from labelloop.resources import repush as repushing
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project
from labelloop.resources.runs import stage_lock

Say = Callable[[str], None]
Agree = Callable[[str], bool]


def repush(now: Project, batch: str, say: Say, *, agreed: bool | Agree) -> None:
    """Show what would change in the tasks of a batch, and change it when somebody agrees.

    Raises:
        MissingStateError: If a task changed since its labels were taken, or there are none.
        CvatError: If a task does not hold afterwards what was written.
    """
    repushing.require_sent(now, batch)
    cvat = CvatResource()
    with now.alone(lock_of(batch), say):
        plans = repushing.plan(now, cvat, batch)
        if not plans:
            say(f"the tasks of {batch} hold the labels that are here")
            return
        for each in plans:
            say(f"task {each.ours.task_id} '{each.ours.name}', {each.ours.url}")
            for frame in each.frames:
                say(f"  {frame.told}")
        question = f"Write the labels that are here over those in {len(plans)} tasks of {batch}?"
        if not (agreed if isinstance(agreed, bool) else agreed(question)):
            say("nothing was changed")
            return
        repushing.carry_out(now, cvat, batch, plans, say)
        say(f"what they held before is in {now.home.root / 'backups' / batch}")


def lock_of(batch: str) -> str:
    """That of whoever takes the labels of the batch."""
    if batch == HOLDOUT:
        return stage_lock("annotated_holdout")
    return stage_lock("annotated_relabel") if batch.startswith(RELABEL) else stage_lock("annotated_batch", batch)
