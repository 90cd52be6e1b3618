"""Boxes that no annotator meant to draw: without area, out of the image, or drawn twice."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labelloop.core.boxes import CORNERS, Boxes, as_boxes, iou, ordered
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
    frames = as_boxes([(0.0, 0.0, *sizes[sample_id]) for sample_id in boxes["sample_id"]])
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
    keys = boxes[["sample_id", "label"]].iloc[rows[order]].reset_index(drop=True)
    for positions in keys.groupby(["sample_id", "label"]).indices.values():
        if len(positions) == 1:
            continue
        members = rows[order[positions]]
        overlap = iou(corners[members], corners[members]) > TWICE
        if overlap.sum() == len(members):
            continue  # each meets but itself
        kept: list[int] = []
        for place in range(len(members)):
            # A copy of a copy is measured against what is kept, so that a chain of shifted boxes is not one object.
            if overlap[place, kept].any():
                twice[members[place]] = True
            else:
                kept.append(place)
    return twice
