"""Labels that were taken, as the App shows them."""

from collections.abc import Sequence

from labelloop.adapters.fiftyone import annotation
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.label_version import LabelVersion
from labelloop.resources.app import is_in_app
from labelloop.resources.project import Project


def show_version(now: Project, loop: LoopDataset, batch: str, version: LabelVersion, sample_ids: Sequence[str]) -> None:
    """What people drew on some images of a batch.

    Where they drew in the App it is there, set aside boxes included; written over, it would be other labels than
    those that were taken.
    """
    if is_in_app(now, batch):
        annotation.show_taken(loop, batch, sample_ids)
        return
    loop.show_labels(batch, version.boxes, now.ledger.samples(), sample_ids)
    if now.settings.image_classes:
        loop.show_tags(version.tags[version.tags["sample_id"].isin(set(sample_ids))], sample_ids)
