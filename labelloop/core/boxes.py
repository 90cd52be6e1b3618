"""Arithmetic of boxes.

Boxes are float `xyxy` pixels of shape (N, 4): left, top, right, bottom, continuous coordinates without the
"+ 1" of integer pixel boxes. No boxes at all, shape (0, 4), is an ordinary input everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

CORNERS = ["x1", "y1", "x2", "y2"]  # columns of a labels frame

Boxes = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Matches:
    """How predictions meet the truth in one image: every index of either side occurs exactly once.

    Attributes:
        pairs: (P, 2) index into the truth, index into the predictions; true positives.
        ious: (P,) overlap of each pair.
        missed: (F,) indices of truth boxes that nothing met; false negatives, ascending.
        spurious: (S,) indices of predictions that met nothing; false positives, ascending.
    """

    pairs: Indices
    ious: NDArray[np.float64]
    missed: Indices
    spurious: Indices


def as_boxes(values: ArrayLike) -> Boxes:
    """`values` as a (N, 4) float array; an empty list is (0, 4)."""
    return np.asarray(values, dtype=np.float64).reshape(-1, 4)


def ordered(boxes: Boxes) -> Boxes:
    """The same boxes with left ≤ right and top ≤ bottom, whichever corner the drawing began at."""
    return np.hstack([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])])


def area(boxes: Boxes) -> NDArray[np.float64]:
    """Areas in square pixels, shape (N,); a box turned inside out has none."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def clip(boxes: Boxes, width: ArrayLike, height: ArrayLike) -> Boxes:
    """The part of each box inside its image; `width` and `height` are numbers or of shape (N,)."""
    zero = np.zeros(len(boxes))
    x, y = np.add(zero, width), np.add(zero, height)
    return np.asarray(np.clip(boxes, 0.0, np.column_stack([x, y, x, y])))


def iou(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Intersection over union of every box with every other, shape (N, M); 0 where both have no area."""
    corner_min = np.maximum(first[:, None, :2], second[None, :, :2])
    corner_max = np.minimum(first[:, None, 2:], second[None, :, 2:])
    intersection = np.prod(np.maximum(corner_max - corner_min, 0.0), axis=2)
    union = area(first)[:, None] + area(second)[None, :] - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0))


def match(
    truth: Boxes,
    truth_labels: Sequence[str],
    predictions: Boxes,
    prediction_labels: Sequence[str],
    scores: ArrayLike,
    min_iou: float,
) -> Matches:
    """Pair predictions with the truth of one image, one to one, as the COCO evaluation does.

    The prediction with the highest score chooses first (ties: the earlier row) and takes the free truth box of its
    class that it overlaps most (ties: the earlier row), if by at least `min_iou`.

    Args:
        truth: (T, 4) boxes.
        truth_labels: T class names.
        predictions: (P, 4) boxes.
        prediction_labels: P class names.
        scores: (P,) confidences.
        min_iou: Overlap from which a prediction meets a label.
    """
    same_class = np.array(truth_labels, dtype=object)[:, None] == np.array(prediction_labels, dtype=object)[None, :]
    overlap = np.where(same_class, iou(truth, predictions), -1.0)
    pairs: list[tuple[int, int]] = []
    ious: list[float] = []
    for prediction in np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable") if len(truth) else ():
        best = int(np.argmax(overlap[:, prediction]))
        if overlap[best, prediction] >= min_iou:
            pairs.append((best, int(prediction)))
            ious.append(float(overlap[best, prediction]))
            overlap[best, :] = -1.0
    paired = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return Matches(
        pairs=paired,
        ious=np.array(ious, dtype=np.float64),
        missed=np.setdiff1d(np.arange(len(truth)), paired[:, 0]),
        spurious=np.setdiff1d(np.arange(len(predictions)), paired[:, 1]),
    )
