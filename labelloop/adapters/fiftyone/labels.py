"""Between boxes in pixels, as labelloop has them, and FiftyOne's detections in shares of width and height."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from bson import ObjectId

from labelloop.core.vocabulary import Provenance


def detections_by_sample(boxes: pd.DataFrame, samples: pd.DataFrame, sample_ids: Sequence[str]) -> dict[str, Any]:
    """FiftyOne `Detections` for each sample id as they are stored; a sample without boxes gets an empty one, not None.

    Documents, not objects: FiftyOne takes half a millisecond for each object, and as long again to check it.

    Args:
        boxes: sample_id, label, x1, y1, x2, y2 in pixels; optionally score, and any of PROVENANCE.
        samples: sample_id, width, height.
        sample_ids: Samples to make labels for; boxes of others are left out.
    """
    import fiftyone as fo

    # FiftyOne itself says what a stored label looks like.
    label = fo.Detection(label="", bounding_box=[0.0, 0.0, 0.0, 0.0]).to_mongo()
    whole = fo.Detections(detections=[]).to_mongo()
    found: dict[str, list] = {sample_id: [] for sample_id in sample_ids}
    sized = boxes[boxes["sample_id"].isin(found.keys())].merge(
        samples[["sample_id", "width", "height"]], on="sample_id"
    )
    for row, box in zip(sized.to_dict("records"), relative_xywh(sized).tolist(), strict=True):
        own = {"_id": ObjectId(), "attributes": {}, "tags": [], "label": row["label"], "bounding_box": box}
        found[row["sample_id"]].append({**label, **own, **_attributes(row)})
    return {sample_id: {**whole, "detections": items} for sample_id, items in found.items()}


PROVENANCE = ("task_id", "job_id", "frame", "shape_id", "source", *map(str, Provenance))


def relative_xywh(boxes: pd.DataFrame) -> np.ndarray:
    """(N, 4) relative [x, y, width, height] of boxes in pixels with the width and height of their image."""
    xyxy = boxes[["x1", "y1", "x2", "y2"]].to_numpy(dtype=float).reshape(-1, 4)
    size = boxes[["width", "height"]].to_numpy(dtype=float).reshape(-1, 2)
    return np.hstack([xyxy[:, :2] / size, (xyxy[:, 2:] - xyxy[:, :2]) / size])


def _attributes(row: dict) -> dict[str, Any]:
    attributes: dict[str, Any] = {name: _plain(row[name]) for name in PROVENANCE if not _absent(row.get(name))}
    if not _absent(row.get("score")):
        attributes["confidence"] = float(row["score"])
    return attributes


def _absent(value: Any) -> bool:
    return value is None or bool(pd.isna(value))


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, (int, float, np.integer, np.floating)) else str(value)
