"""Boxes that no annotator meant to draw: without area, out of the image, or drawn twice."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labelloop.core.boxes import CORNERS, Boxes, area, as_boxes, iou, ordered
from labelloop.core.vocabulary import Quarantine

MIN_SIDE = 1.0  # pixels
OVERREACH = 1.0  # pixels; drawing tools round, and a box at the edge may stick out by a fraction
BAD_BOX_REASONS = (str(Quarantine.DEGENERATE), str(Quarantine.OUT_OF_FRAME), str(Quarantine.DUPLICATE))

TWICE = 0.8  # IoU above which two boxes of one class are the same object


def bad_boxes(boxes: pd.DataFrame, sizes: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """The rows of `boxes` that training should not see, each with the first reason that holds.

    Of boxes drawn twice the one with the smaller `shape_id` is good (without that column: the earlier row).

    Args:
        boxes: Labels frame; corners in any order.
        sizes: Width and height of each image in pixels, by sample id.

    Returns:
        The bad rows under their old index, in their old order, with the column `reason`
        (`Quarantine.DEGENERATE`, `OUT_OF_FRAME` or `DUPLICATE`).
    """
    corners = ordered(as_boxes(boxes[CORNERS]))
    frames = as_boxes([(0.0, 0.0, *sizes[sample_id]) for sample_id in boxes["sample_id"].tolist()])
    degenerate = (corners[:, 2:] - corners[:, :2] < MIN_SIDE).any(axis=1)
    outside = ~degenerate & _reaching_out(corners, frames)
    twice = _drawn_twice(boxes, corners, np.flatnonzero(~degenerate & ~outside))
    reason = np.select([degenerate, outside, twice], BAD_BOX_REASONS, default="")
    bad: pd.DataFrame = boxes.assign(reason=reason.astype(object)).loc[reason != ""]
    return bad


def _reaching_out(corners: Boxes, frames: Boxes) -> NDArray[np.bool_]:
    before = corners[:, :2] < frames[:, :2] - OVERREACH
    behind = corners[:, 2:] > frames[:, 2:] + OVERREACH
    return np.asarray((before | behind).any(axis=1))


def _drawn_twice(boxes: pd.DataFrame, corners: Boxes, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of `rows` overlap an earlier one of the same image and class so far that it is the same object."""
    twice = np.zeros(len(boxes), dtype=bool)
    order = boxes["shape_id"].to_numpy()[rows].argsort(kind="stable") if "shape_id" in boxes else np.arange(len(rows))
    group = boxes.iloc[rows[order]].groupby(["sample_id", "label"]).ngroup().to_numpy()
    by_group = group.argsort(kind="stable")
    group, ordered_rows = group[by_group], rows[order[by_group]]
    for number in _with_a_pair(group, corners[ordered_rows]):
        members = ordered_rows[np.searchsorted(group, number) : np.searchsorted(group, number, side="right")]
        overlap = iou(corners[members], corners[members]) > TWICE
        kept: list[int] = []
        for place in range(len(members)):
            # A copy of a copy is measured against what is kept, so that a chain of shifted boxes is not one object.
            if overlap[place, kept].any():
                twice[members[place]] = True
            else:
                kept.append(place)
    return twice


def _with_a_pair(group: NDArray[np.intp], corners: Boxes) -> list[int]:
    """Groups in which any two boxes are the same object; rows sorted by group. Few have any, and most images many."""
    areas, found = area(corners), set[int]()
    first, apart = np.arange(len(group)), 0
    while len(first):
        apart += 1  # who has no neighbour of its group so far away has none further away
        first = first[first + apart < len(group)]
        first = first[group[first] == group[first + apart]]
        one, other = corners[first], corners[first + apart]
        sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
        shared = np.prod(np.maximum(sides, 0.0), axis=1)
        union = areas[first] + areas[first + apart] - shared
        found.update(group[first[shared > 0.99 * TWICE * union]].tolist())  # `iou` rounds in its own way
    return sorted(found)
