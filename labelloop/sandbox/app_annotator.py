"""A simulated person at the App: labels what waits there from hidden labels, through FiftyOne's public API."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from labelloop.adapters.fiftyone.annotation import settle
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.vocabulary import Field
from labelloop.sandbox.annotator import CORNERS, TRUTH_COLUMNS, AnnotatedTask, HiddenTruth, flawed_boxes
from labelloop.settings.model import AnnotatorSettings

Say = Callable[[AnnotatedTask], None]


def annotate_in_app(
    loop: LoopDataset,
    title: str,
    waiting: Sequence[str],
    truth: HiddenTruth,
    classes: Sequence[str],
    rates: AnnotatorSettings,
    seed: int,
) -> AnnotatedTask:
    """Draw on the images that wait, and say of each that it is done.

    The same image gets the same answer as in CVAT.

    Args:
        loop: The data set.
        title: What the batch is called.
        waiting: Images to label.
        truth: The hidden labels.
        classes: The classes the App offers.
        rates: Shares of boxes that go wrong.
        seed: Seed of the errors.
    """
    by_sample = dict(list(truth.boxes.groupby("sample_id")))
    empty = truth.boxes.iloc[:0]
    rows = [
        (sample_id, label, *box)
        for sample_id in waiting
        for label, box in flawed_boxes(by_sample.get(sample_id, empty), classes, rates, seed, sample_id)
    ]
    sizes = _sizes(loop, waiting)
    boxes = _inside(pd.DataFrame(rows, columns=TRUTH_COLUMNS), sizes)
    loop.set_boxes(Field.HUMAN_LABELS, boxes, sizes, list(waiting))
    settle(loop, waiting)
    return AnnotatedTask(0, title, len(waiting), len(waiting), len(boxes))


def _sizes(loop: LoopDataset, sample_ids: Sequence[str]) -> pd.DataFrame:
    view = loop.view_of(sample_ids)
    columns = view.values([Field.SAMPLE_ID, "metadata.width", "metadata.height"])
    return pd.DataFrame(dict(zip(["sample_id", "width", "height"], columns, strict=True)))


def _inside(boxes: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Nothing is drawn outside the image."""
    size = boxes[["sample_id"]].merge(sizes, on="sample_id", how="left")[["width", "height"]].to_numpy(float)
    corners = boxes[CORNERS].to_numpy(float).reshape(-1, 4)
    boxes[CORNERS] = np.clip(corners, 0, np.hstack([size, size]).reshape(-1, 4))
    return boxes
