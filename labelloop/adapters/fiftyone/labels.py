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
    boxed = zip(sized["sample_id"].tolist(), sized["label"].tolist(), relative_xywh(sized).tolist(), strict=True)
    for (sample_id, name, box), attributes in zip(boxed, _attributes(sized), strict=True):
        own = {"_id": ObjectId(), "attributes": {}, "tags": [], "label": name, "bounding_box": box}
        found[sample_id].append({**label, **own, **attributes})
    return {sample_id: {**whole, "detections": items} for sample_id, items in found.items()}


PROVENANCE = ("task_id", "job_id", "frame", "shape_id", "source", *map(str, Provenance))


def relative_xywh(boxes: pd.DataFrame) -> np.ndarray:
    """(N, 4) relative [x, y, width, height] of boxes in pixels with the width and height of their image."""
    xyxy = boxes[["x1", "y1", "x2", "y2"]].to_numpy(dtype=float).reshape(-1, 4)
    size = boxes[["width", "height"]].to_numpy(dtype=float).reshape(-1, 2)
    return np.hstack([xyxy[:, :2] / size, (xyxy[:, 2:] - xyxy[:, :2]) / size])


def _attributes(boxes: pd.DataFrame) -> list[dict[str, Any]]:
    """Of each box what is known beside its place."""
    known: dict[str, list[Any]] = {name: _plain(boxes[name]) for name in PROVENANCE if name in boxes}
    if "score" in boxes:
        known["confidence"] = [None if pd.isna(score) else float(score) for score in boxes["score"].tolist()]
    if not known:
        return [{}] * len(boxes)
    lacking = any(None in cells for cells in known.values())
    rows = (dict(zip(known, row, strict=True)) for row in zip(*known.values(), strict=True))
    return [{name: each for name, each in row.items() if each is not None} for row in rows] if lacking else list(rows)


def _plain(values: pd.Series) -> list[Any]:
    """Numbers and text as the database takes them; None for what is missing."""
    missing = values.isna()
    cells = (values.astype(object).where(~missing, None) if missing.any() else values).tolist()
    if pd.api.types.is_numeric_dtype(values):
        return [None if cell is None else int(cell) for cell in cells]
    return [cell if cell is None or isinstance(cell, (str, int)) else str(cell) for cell in cells]
