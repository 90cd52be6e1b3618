"""Labels that came back, made the current ones of their batch: the same way whoever brings them."""

from collections.abc import Sequence

from labelloop.core.acceptance import Comparison
from labelloop.core.annotation import TaskContent
from labelloop.resources import prefilled
from labelloop.resources.project import Project


def save_taken(now: Project, batch: str, contents: Sequence[TaskContent]) -> tuple[bool, Comparison | None]:
    """Write the content of the tasks of a batch as a label version, with what became of what a model drew.

    Returns:
        Whether these labels are new, and not the current ones already; what people made of what a model drew, if any.

    Raises:
        LabelError: If the content does not add up; the version of before stays.
    """
    sample_of = now.ledger.samples_of_frames(batch)
    found = prefilled.comparison(now, batch, contents, sample_of)
    drawn_by_model = found.provenance() if found else None
    is_new = now.ledger.save_labels(batch, contents, sample_of, now.settings.image_classes, drawn_by_model)
    return is_new, found
