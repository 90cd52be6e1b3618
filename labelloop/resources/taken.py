"""Labels that came back, made the current ones of their batch: the same way whoever brings them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labelloop.core.acceptance import Comparison
from labelloop.core.annotation import TaskContent
from labelloop.core.label_version import LabelVersion
from labelloop.resources import carried, prefilled, restored
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.project import Project
from labelloop.resources.unsent import keep_unsent

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Taken:
    """Labels of a batch that were taken.

    Attributes:
        version: The labels.
        found: What people made of what was drawn beforehand, if anything was: boxes of a model, or labels of before.
        kept: Names of backups of what was changed in the App since, on labels that are to be shown anew now.
    """

    version: LabelVersion
    found: Comparison | None
    kept: list[str]


def take_labels(
    now: Project,
    dataset: DatasetResource,
    cvat: CvatResource,
    batch: str,
    say: Say,
    warn: Say,
    refuse: Callable[[Sequence[TaskContent]], None] = lambda _: None,
) -> Taken:
    """Take the labels of a finished batch, after what was changed in the App since was kept; nothing is shown yet.

    Args:
        now: The project.
        dataset: FiftyOne.
        cvat: The connection.
        batch: The batch.
        say: Where to tell what happens.
        warn: Where to tell what was kept.
        refuse: Raises where the content of the tasks must not be taken.

    Raises:
        MissingStateError: If people are not done.
        LabelError: If the content does not add up; the version of before stays.
    """
    contents = cvat.take(now, batch, say)
    refuse(contents)
    kept = keep_unsent(now, dataset, cvat, batch, say, warn)
    is_new, found = save_taken(now, batch, contents)
    if not is_new:
        say(f"{batch}: nothing has changed since the labels were last taken")
    return Taken(now.ledger.label_version(batch), found, kept)


def save_taken(now: Project, batch: str, contents: Sequence[TaskContent]) -> tuple[bool, Comparison | None]:
    """Write the content of the tasks of a batch as a label version, with what became of what a model drew.

    Returns:
        Whether these labels are new, and not the current ones already; what people made of what was drawn
        beforehand, if anything was: boxes of a model, or labels of before.

    Raises:
        LabelError: If the content does not add up; the version of before stays.
    """
    sample_of = now.ledger.samples_of_frames(batch)
    by_model = prefilled.comparison(now, batch, contents, sample_of)
    drawn_by_model = by_model.provenance() if by_model else None
    is_new = now.ledger.save_labels(batch, contents, sample_of, now.settings.image_classes, drawn_by_model)
    if is_new:
        restored.forget(now, batch)
    return is_new, by_model or carried.comparison(now, batch, contents, sample_of)
