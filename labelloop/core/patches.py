"""Patches: the parts of images that boxes cut out, named by what decides their pixels."""

import numpy as np
import pandas as pd

from labelloop.core.boxes import CORNERS, as_boxes, clip, ordered

EDGES = ["left", "top", "right", "bottom"]  # whole pixels; right and bottom are the first ones outside
_ROUNDING = 1e-6  # in pixels: a box that went through shares of the image's size is still the same box


def patches(boxes: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """The patch of each box: all pixels it touches inside its image, at least one.

    A patch has the same id as long as its pixels are the same. A sample id stands for the content of the image, so
    image and edges decide; the class of the box does not, nor which of two boxes comes first.

    Args:
        boxes: sample_id, x1, y1, x2, y2 and whatever else.
        samples: sample_id, width, height.

    Returns:
        The boxes in their order, with patch_id, left, top, right, bottom; boxes of unknown images are left out.
    """
    known = boxes.merge(samples[["sample_id", "width", "height"]], on="sample_id", how="inner")
    size = known[["width", "height"]].to_numpy(dtype=np.float64).reshape(-1, 2)
    inside = clip(ordered(as_boxes(known[CORNERS].to_numpy(dtype=np.float64))), size[:, 0], size[:, 1])
    near = np.minimum(np.floor(inside[:, :2] + _ROUNDING), size - 1)
    far = np.maximum(np.ceil(inside[:, 2:] - _ROUNDING), near + 1)
    edges = np.hstack([near, far]).astype(np.int64)
    names = [patch_id(sample_id, row) for sample_id, row in zip(known["sample_id"], edges.tolist(), strict=True)]
    cut = pd.DataFrame(edges, columns=EDGES).assign(patch_id=names)
    return pd.concat([known.drop(columns=["width", "height"]).reset_index(drop=True), cut], axis=1)


def patch_id(sample_id: str, edges: list[int]) -> str:
    """Name of a patch: its image, and its left, top, right and bottom edge in pixels."""
    return f"{sample_id}@{','.join(map(str, edges))}"


def sample_of(patch: str) -> str:
    """The sample that a patch is of, by its id."""
    return patch.rpartition("@")[0]
