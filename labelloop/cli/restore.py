"""`labelloop restore`: what tasks of CVAT held before labels were written over it goes back into them."""

from collections.abc import Sequence

from labelloop.cli.repush import Agree, Say, is_agreed, lock_of
from labelloop.core.vocabulary import SOURCE
from labelloop.resources import from_app as edits_of_app
from labelloop.resources import repush as repushing
from labelloop.resources import restore as restoring
from labelloop.resources.backups import backups
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project


def show(now: Project, batch: str, say: Say) -> None:
    """List the backups of the tasks of a batch, oldest first.

    Raises:
        MissingStateError: If the batch was never sent, or the source never pulled.
    """
    repushing.require_backed_up(now, batch)
    found = backups(now, batch)
    for each in found:
        say(each.told)
    if found:
        say(f"put one back: labelloop restore {batch} --backup {found[-1].name}")
    elif batch == SOURCE:
        say("there is no backup of source: a pull makes one of what was changed in the App, before CVAT is shown again")
    else:
        say(f"there is no backup of {batch}: `labelloop repush {batch}` makes one before it writes")


def restore(
    now: Project, batch: str, names: Sequence[str], say: Say, *, over_people: bool, agreed: bool | Agree
) -> None:
    """Show what would change in the tasks of these backups, and change it when somebody agrees.

    Raises:
        MissingStateError: If there is no such backup, or people changed a task since its labels were taken.
        CvatError: If a task does not hold afterwards what was written.
    """
    repushing.require_backed_up(now, batch)
    cvat = CvatResource()
    with now.alone(lock_of(batch), say):
        plans = restoring.plan(now, cvat, batch, names, over_people=over_people)
        if not plans:
            say(f"the tasks hold what is in {', '.join(names)}")
            _end_edits(now, batch, say)
            return
        question = f"Write what is in {', '.join(names)} over what is in {len(plans)} tasks of {batch} now?"
        if not is_agreed(plans, question, say, agreed):
            return
        _end_edits(now, batch, say)
        repushing.carry_out(now, cvat, batch, plans, say)
        say(f"what they held until now is in {now.home.root / 'backups' / batch}")
        say(
            "their labels here are those of before: they are taken again by the sensors, or "
            f"{repushing.how_to_take(now, batch)}"
        )


def _end_edits(now: Project, batch: str, say: Say) -> None:
    """Whoever wants back what was there does not want written over it what was on its way."""
    names = edits_of_app.put_aside(now, batch)
    if names:
        say(f"edits of the App were on their way into {batch}, and are so no more; they are kept: {', '.join(names)}")
