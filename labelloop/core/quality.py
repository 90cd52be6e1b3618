"""Figures the asset checks are made of: how classes drift, and how two labellings of the same images agree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labelloop.core.boxes import CORNERS, as_boxes, iou, match


@dataclass(frozen=True)
class Agreement:
    """How far a second labelling of the same images repeats the first.

    Attributes:
        images: Images compared.
        matched: Boxes both drew, whatever they called them.
        same_class: Matched boxes that have the same class.
        missing: Boxes only the first drew.
        extra: Boxes only the second drew.
        mean_iou: Mean overlap of matched boxes; NaN where nothing matched.
    """

    images: int
    matched: int
    same_class: int
    missing: int
    extra: int
    mean_iou: float

    @property
    def share(self) -> float:
        """Share of all objects that both found and called the same; 1 where both found nothing."""
        total = self.matched + self.missing + self.extra
        return self.same_class / total if total else 1.0


def class_counts(labels: pd.DataFrame, classes: Sequence[str]) -> pd.Series:
    """Boxes of each class, in the order of `classes`; classes without a box are 0."""
    return labels["label"].value_counts().reindex(list(classes), fill_value=0)


def class_table(labels: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Boxes and images of each class: `label, boxes, images, share` in the order of `classes`."""
    boxes = class_counts(labels, classes)
    images = labels.groupby("label")["sample_id"].nunique().reindex(list(classes), fill_value=0)
    share = boxes / max(int(boxes.sum()), 1)
    return pd.DataFrame(
        {"label": list(classes), "boxes": boxes.to_numpy(), "images": images.to_numpy(), "share": share.to_numpy()}
    )


def class_drift(now: pd.Series, past: pd.Series) -> float:
    """Total variation between two class distributions: 0 alike, 1 nothing in common; 0 when one is empty.

    Args:
        now: Boxes by class.
        past: Boxes by class.
    """
    if not now.sum() or not past.sum():
        return 0.0
    difference = (now / now.sum()).sub(past / past.sum(), fill_value=0.0)
    return float(difference.abs().sum() / 2)


def agreement(
    first: pd.DataFrame, second: pd.DataFrame, sample_ids: Iterable[str], *, min_iou: float = 0.5
) -> Agreement:
    """Compare two labellings of the same images box by box, not by counts.

    Args:
        first: Labels frame.
        second: Labels frame.
        sample_ids: Images both labelled; where both found nothing they agree.
        min_iou: Overlap from which two boxes are the same object.
    """
    compared = sorted(set(sample_ids))
    matched = same_class = missing = extra = 0
    ious: list[float] = []
    for sample_id in compared:
        one, two = first[first["sample_id"] == sample_id], second[second["sample_id"] == sample_id]
        # The class is compared afterwards: a box called something else is a wrong class, not a missing object.
        overlap = iou(as_boxes(one[CORNERS]), as_boxes(two[CORNERS]))
        best = overlap.max(axis=0, initial=0.0)
        found = match(as_boxes(one[CORNERS]), [""] * len(one), as_boxes(two[CORNERS]), [""] * len(two), best, min_iou)
        names = one["label"].to_numpy()[found.pairs[:, 0]], two["label"].to_numpy()[found.pairs[:, 1]]
        matched += len(found.pairs)
        same_class += int((names[0] == names[1]).sum())
        missing += len(found.missed)
        extra += len(found.spurious)
        ious.extend(found.ious.tolist())
    mean_iou = float(np.mean(ious)) if ious else float("nan")
    return Agreement(len(compared), matched, same_class, missing, extra, mean_iou)
