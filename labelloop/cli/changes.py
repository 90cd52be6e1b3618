"""`labelloop relabel` and `labelloop splits extend`: what people change about a project while it runs."""

from collections.abc import Callable, Sequence

import pandas as pd

from labelloop.adapters.files import locks
from labelloop.core.errors import LabelError, LabelloopError, MissingStateError
from labelloop.core.vocabulary import STEPS, JobName, Split
from labelloop.resources import growth, relabelling
from labelloop.resources.classes import take_over_classes
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.holdout import unsent_holdout
from labelloop.resources.project import Project
from labelloop.resources.runs import stage_lock

Say = Callable[[str], None]


def relabel(now: Project, classes: Sequence[str], split: str, say: Say) -> None:
    """Send labelled images to people again, for appended classes; running it again finds the same tasks.

    Raises:
        LabelError: If there is no such class or split.
    """
    names = [str(name) for name in relabelling.SPLITS]
    if split and split not in names:
        raise LabelError(f"--split: there are no labels on '{split}'", f"Name one of {', '.join(names)}.")
    with now.alone(stage_lock(*STEPS[JobName.SEND_RELABEL]), say):
        news = take_over_classes(now)
        if news:
            say(news)
        relabelling.choose(now, classes, [Split(split)] if split else relabelling.SPLITS)
        sent = relabelling.send(now, CvatResource(), say)
    for each in sent:
        say(f"{each.batch}: look for {', '.join(now.ledger.read('batches', each.batch)['classes'])}")
        for task in each.tasks["tasks"]:
            say(f"  {task['name']}: {len(task['frames'])} images, {task['url']}")
    say("then: job take_relabel" if sent else "people have looked for every class on every labelled image")


def extend(now: Project, say: Say) -> None:
    """Let the held-out sets grow to the size that the data set of today asks for.

    Raises:
        MissingStateError: If the splits were not cut yet, or there are images that were not split.
        LabelloopError: If a run is choosing images meanwhile.
    """
    with locks.exclusive_if_free(now.home.lock(stage_lock("splits"))) as free:
        if not free:
            raise LabelloopError("A process is at splits", "Wait for it, then extend them.")
        before = now.ledger.splits()
        if len(before) < len(now.ledger.samples()):
            raise MissingStateError("Some images are in no split yet", "Run the job prepare_pool first.")
        after = growth.grown(now)
        added = after[after["split"].to_numpy() != before["split"].to_numpy()]
        if added.empty:
            say("nothing to add: the held-out sets have the size they should, or every image of the pool is taken")
            return
        _write(now, before, after, say)
    for name, count in added["split"].value_counts().sort_index().items():
        say(f"{name}: {count} more images, {int((after['split'] == name).sum())} now")
    say(f"{len(unsent_holdout(now))} images need labels: jobs send_holdout, then take_holdout")
    say("then every model is measured on the new val: by the sensors, or job score_again for each iteration")


def _write(now: Project, before: pd.DataFrame, after: pd.DataFrame, say: Say) -> None:
    """The record first: whoever finds the new splits finds what they are."""
    growth.record_version(now, before, after, "extended")
    now.ledger.save_splits(after)
    with DatasetResource().writing(now, say) as loop:
        loop.show_splits(after)
