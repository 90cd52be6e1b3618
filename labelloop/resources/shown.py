"""Labels that were taken, as the App shows them."""

from collections.abc import Sequence
from dataclasses import replace

from labelloop.adapters.fiftyone import annotation
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.shapes import show_shapes
from labelloop.core.drawn import RECTANGLE, TAG
from labelloop.core.label_version import LabelVersion
from labelloop.core.shape_labels import shape_labels
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
    show_drawn(now, loop, batch, version, sample_ids)
    if now.settings.image_classes:
        loop.show_tags(version.tags[version.tags["sample_id"].isin(set(sample_ids))], sample_ids)


def show_drawn(now: Project, loop: LoopDataset, batch: str, version: LabelVersion, sample_ids: Sequence[str]) -> None:
    """What people drew on some images of a batch besides boxes to learn from and classes of images.

    What was set aside is among it, and says why.
    """
    contents, sample_of = now.ledger.contents(batch)
    tables = ((RECTANGLE, version.boxes), (TAG, version.tags))
    stored = {(row.task_id, kind, row.shape_id) for kind, table in tables for row in table.itertuples()}
    reasons = {(row.task_id, row.type, row.shape_id): row.reason for row in version.quarantined.itertuples()}
    current = now.ledger.schema().current
    labels = [
        replace(
            label,
            label=current(label.label),
            about={**label.about, "set_aside": reasons.get(label.key)},
        )
        for label in shape_labels(contents, sample_of, stored)
    ]
    show_shapes(loop, labels, sample_ids)
