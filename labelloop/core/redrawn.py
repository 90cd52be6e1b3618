"""Labels of a viewer back into raw shapes, as CVAT has them: the way back from `core.shape_labels`.

Coordinates come back to within a millionth of a pixel, or a billionth of the number where that is more. Corners of an
upright rectangle come back in order, and runs of a mask without empty ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelloop.core.annotation import AnnotatedFrame, RawShape
from labelloop.core.masks import Mask, runs_of
from labelloop.core.outline import shape_of
from labelloop.core.shape_labels import DRAWN, ShapeLabel
from labelloop.core.vocabulary import Field

COMPARED = ("occluded", "z_order", "rotation", "group", "source")
SAME = 1e-9  # shares by which two labels may differ and still be the same
MADE_OF_RINGS = ("rectangle", "ellipse", "cuboid")


def raw_shapes(label: ShapeLabel, frame: AnnotatedFrame) -> list[dict[str, Any]]:
    """What a label is on the server, without numbers: a tag, or a shape; of an outline of several rings one for each.

    A skeleton comes back as its points: what its parts are called is not on a label that people drew themselves.

    Args:
        label: As people left it.
        frame: The frame it is on.
    """
    common = {
        "label": label.label, "frame": frame.frame, "group": label.about.get("group"),
        "source": label.about.get("source", "manual"),
        "attributes": [{"name": name, "value": value} for name, value in label.said.items()],
    }  # fmt: skip
    if label.shown_in == Field.HUMAN_CLASSIFICATIONS:
        return [common]
    drawn = {name: label.about.get(name, default) for name, default in DRAWN.items()}
    shapes = _geometry(label, frame)
    return [
        {**common, **drawn, "outside": False, "elements": [], "type": kind, "points": points} for kind, points in shapes
    ]


def same(one: ShapeLabel, other: ShapeLabel) -> bool:
    """Whether two labels show and say the same."""
    said = one.label == other.label and dict(one.said) == dict(other.said) and one.shown_in == other.shown_in
    numbers = all(_told(one, name) == _told(other, name) for name in COMPARED)
    return said and numbers and one.closed == other.closed and _alike(one, other)


def points_of(label: ShapeLabel, frame: AnnotatedFrame) -> list[list[float] | None]:
    """The points of a skeleton in pixels, None for one that has no place."""
    places = label.rings[0] * _size(frame)
    return [None if np.isnan(place).any() else [float(value) for value in place] for place in places]


def _geometry(label: ShapeLabel, frame: AnnotatedFrame) -> list[tuple[str, list[float]]]:
    if label.mask is not None:
        return [("mask", _mask_points(label.mask, label.box, frame))]
    if label.box:
        x, y, width, height = (float(value) for value in np.asarray(label.box) * np.tile(_size(frame), 2))
        return [("rectangle", [x, y, x + width, y + height])]
    if label.shown_in == Field.HUMAN_KEYPOINTS:
        there = [place for place in points_of(label, frame) if place is not None]
        return [("points", [value for place in there for value in place])] if there else []
    rings = [ring * _size(frame) for ring in label.rings]
    kind = str(label.about.get("type", ""))
    if kind in MADE_OF_RINGS and label.closed:
        return [shape_of(kind, rings, float(label.about.get("rotation", 0.0)))]
    kind = "polygon" if label.closed else "polyline"
    return [(kind, [float(value) for value in ring.ravel()]) for ring in rings]


def _mask_points(mask: Mask, box: Sequence[float], frame: AnnotatedFrame) -> list[float]:
    """Runs and box as CVAT has them; a mask of other pixels than those of its box is stretched over them."""
    left, top, width, height = (round(value) for value in np.asarray(box) * np.tile(_size(frame), 2))
    width, height = max(1, width), max(1, height)
    rows = np.arange(height) * mask.shape[0] // height
    columns = np.arange(width) * mask.shape[1] // width
    runs = runs_of(mask[np.ix_(rows, columns)])
    return [float(value) for value in (*runs, left, top, left + width - 1, top + height - 1)]


def _size(frame: AnnotatedFrame) -> np.ndarray:
    return np.array([frame.width, frame.height], dtype=float)


def _told(label: ShapeLabel, name: str) -> Any:
    value = label.about.get(name, DRAWN.get(name))
    return round(value, 6) if isinstance(value, float) else value or None


def _alike(one: ShapeLabel, other: ShapeLabel) -> bool:
    if len(one.rings) != len(other.rings) or len(one.box) != len(other.box):
        return False
    if (one.mask is None) != (other.mask is None):
        return False
    if one.mask is not None and other.mask is not None and not np.array_equal(one.mask, other.mask):
        return False
    pairs = [*zip(one.rings, other.rings, strict=True), (np.asarray(one.box), np.asarray(other.box))]
    return all(
        np.shape(here) == np.shape(there) and np.allclose(here, there, rtol=SAME, atol=SAME, equal_nan=True)
        for here, there in pairs
    )


def with_numbers(new: Mapping[str, Any], old: RawShape) -> dict[str, Any]:
    """The new shape with all that the old one has beside it, the numbers of its attributes among it."""
    numbers = {value["name"]: value for value in old.get("attributes") or ()}
    attributes = [{**numbers.get(value["name"], {}), **value} for value in new["attributes"]]
    return {**old, **new, "attributes": attributes}
