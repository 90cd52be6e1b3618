"""margin: images on which the two best answers for a box are close: two classes, or a class and no object at all.

The 1-vs-2 margin of Brust, Käding, Denzler, "Active Learning for Deep Object Detection", VISAPP 2019, arXiv 1809.09875.
A YOLO box carries the score of its class alone, so the score of a second class is that of a box of another class at the
same place (IoU ≥ 0.5), and that of "no object" is what is left to 1. How boxes make an image: `unsure.py`.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labelloop.core.boxes import CORNERS, as_boxes, iou
from labelloop.core.strategies.query import Query
from labelloop.core.strategies.unsure import by_uncertainty

_SAME_PLACE = 0.5


def rank(query: Query, rng: np.random.Generator) -> pd.DataFrame:  # noqa: ARG001  nothing is drawn
    """Manifest of the images with the smallest margins."""
    boxes = query.predicted()
    return by_uncertainty(query, boxes, closeness(boxes), "1 - margin")


def closeness(boxes: pd.DataFrame) -> NDArray[np.float64]:
    """1 - margin of each box: 1 where two answers are equally likely, 0 where one is certain.

    A box that a box of another class outweighs at the same place scores 0: that one speaks for both.
    """
    result = np.zeros(len(boxes))
    for rows in boxes.reset_index(drop=True).groupby("sample_id").indices.values():
        own = boxes.iloc[rows]
        score, label = own["score"].to_numpy(dtype=float), own["label"].to_numpy(dtype=object)
        place = as_boxes(own[CORNERS])
        rival = (iou(place, place) >= _SAME_PLACE) & (label[:, None] != label[None, :])
        second = np.where(rival, score[None, :], 0.0).max(axis=1)
        answers = np.sort(np.column_stack([score, second, 1 - score]), axis=1)
        result[rows] = np.where(second > score, 0.0, 1 - (answers[:, 2] - answers[:, 1]))
    return result
