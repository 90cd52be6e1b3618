"""The map of boxes: in the App, each point is the patch of one label, coloured by its class."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.boxes import CORNERS
from labelloop.core.patches import patches
from labelloop.core.vocabulary import PATCH_VIZ, Field


def show_patch_map(
    loop: LoopDataset, fields: Sequence[str], samples: pd.DataFrame, points: Mapping[str, np.ndarray]
) -> None:
    """One map for each field of boxes, all on the same plane; those of before go.

    The first has brain key `patch_viz` and a saved workspace of that name; the others have the field's name after it.

    Args:
        loop: The data set.
        fields: Detections fields.
        samples: sample_id, width, height.
        points: Place (2,) by patch id; a box without one is not on the map.
    """
    import fiftyone.brain as fob

    hide_patch_map(loop)
    for number, field in enumerate(fields):
        shown = _points_of_labels(loop, field, samples, points)
        if not shown:
            continue
        key = f"{PATCH_VIZ}_{field}" if number else PATCH_VIZ
        fob.compute_visualization(
            loop.dataset.exists(field), patches_field=field, points=shown, brain_key=key, verbose=False
        )
        if not number:
            loop.save_map_workspace(PATCH_VIZ, PATCH_VIZ, f"{field}.detections.label", "The map of boxes")


def hide_patch_map(loop: LoopDataset) -> None:
    """Take all maps of boxes away, if there are any, and their workspace."""
    for key in loop.dataset.list_brain_runs():
        if key.startswith(PATCH_VIZ):
            loop.dataset.delete_brain_run(key)
    if loop.dataset.has_workspace(PATCH_VIZ):
        loop.dataset.delete_workspace(PATCH_VIZ)


def _points_of_labels(
    loop: LoopDataset, field: str, samples: pd.DataFrame, points: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Place by FiftyOne's id of the label."""
    if not loop.dataset.has_sample_field(field):
        return {}
    found = patches(_boxes(loop, field, samples), samples)
    pairs = zip(found["label_id"], found["patch_id"], strict=True)
    return {label_id: np.asarray(points[name], dtype=float) for label_id, name in pairs if name in points}


def _boxes(loop: LoopDataset, field: str, samples: pd.DataFrame) -> pd.DataFrame:
    """Every box of a field as it stands in FiftyOne: sample_id, label_id, x1, y1, x2, y2 in pixels."""
    names, ids, boxes = loop.dataset.values(
        [Field.SAMPLE_ID, f"{field}.detections.id", f"{field}.detections.bounding_box"]
    )
    rows: list[tuple[Any, ...]] = [
        (name, one, *box)
        for name, own, places in zip(names, ids, boxes, strict=True)
        for one, box in zip(own or [], places or [], strict=True)
    ]
    found = pd.DataFrame(rows, columns=["sample_id", "label_id", "x", "y", "w", "h"])
    found = found.merge(samples[["sample_id", "width", "height"]], on="sample_id")
    near = found[["x", "y"]].to_numpy(float) * found[["width", "height"]].to_numpy(float)
    size = found[["w", "h"]].to_numpy(float) * found[["width", "height"]].to_numpy(float)
    corners = pd.DataFrame(np.hstack([near, near + size]), columns=CORNERS)
    return pd.concat([found[["sample_id", "label_id"]], corners], axis=1)
