"""Labels of a viewer back into raw shapes, as CVAT has them: the way back from `core.shape_labels`.

Coordinates come back to within a millionth of a pixel, or a billionth of the number where that is more. Corners of an
upright rectangle come back in order, and runs of a mask without empty ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelloop.core.annotation import AnnotatedFrame, RawShape
from labelloop.core.drawn import TAG
from labelloop.core.errors import LabelError
from labelloop.core.masks import Mask, runs_of
from labelloop.core.outline import shape_of
from labelloop.core.shape_labels import DRAWN, ShapeLabel
from labelloop.core.task_labels import LabelThere, TaskLabels, require_value
from labelloop.core.vocabulary import Field

MARKS = ("occluded", "z_order", "group")  # beside its place, what a label says of itself
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
    if label.shown_in in (Field.HUMAN_CLASSIFICATIONS, Field.HUMAN_TAGS):
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


def new_shapes(label: ShapeLabel, frame: AnnotatedFrame, there: TaskLabels) -> list[dict[str, Any]]:
    """What somebody drew, with the numbers and attributes of its label in CVAT.

    Raises:
        LabelError: If the task has no such label, attribute or value, or nothing is to be seen of it.
    """
    raws = raw_shapes(label, frame)
    if "track_id" in label.about:
        raise LabelError(f"{where(label)} is of no track of its task", "Take `track_id` off in the App.")
    if not raws:
        raise LabelError(f"{where(label)} has no place", "Delete it in the App, or draw it anew.")
    found = []
    for raw in raws:
        known = there.find(label.label, raw.get("type", TAG), where(label))
        said = there.said(known, label.said, where(label))
        found.append({**raw, "label": known.name, "label_id": known.id, "attributes": said})
    return found


def changed(
    item: RawShape, was: ShapeLabel, now: ShapeLabel, frame: AnnotatedFrame, there: TaskLabels
) -> dict[str, Any]:
    """A shape or tag with what is another on its label; the rest of it stays as it came, number for number.

    Raises:
        LabelError: If it cannot be that.
    """
    new = dict(item)
    kind = item.get("type", TAG)
    if kind != TAG and not is_in_place(was, now):
        [(now_kind, points), *more] = _geometry(now, frame) or [("", [])]
        if more or now_kind != kind:
            raise LabelError(f"{where(now)} is no {kind} any more", "Delete it in the App and draw it anew.")
        new["points"] = points
    new |= {name: now.about.get(name, DRAWN.get(name)) for name in MARKS if _told(was, name) != _told(now, name)}
    if was.label != now.label:
        return new | _relabelled(item, was, now, there.find(now.label, kind, where(now)), there)
    gone = sorted(was.said.keys() - now.said.keys())
    if gone:
        raise LabelError(
            f"{where(now)} says nothing of {', '.join(gone)} any more, and in CVAT it has a value",
            "Give it one in the App; a text may be empty.",
        )
    said = {name: value for name, value in now.said.items() if was.said.get(name) != value}
    return new | ({"attributes": _said(item, was, said, there)} if said else {})


def is_in_place(was: ShapeLabel, now: ShapeLabel) -> bool:
    """Whether a label is still where it was, and of the same form."""
    return was.closed == now.closed and _alike(was, now)


def where(label: ShapeLabel) -> str:
    """A label and its sample, in words."""
    number = label.about.get("track_id", label.about.get("shape_id"))
    told = f" ({label.about.get('type', 'shape')} {number})" if number is not None else ""
    return f"Label '{label.label}'{told} on sample {label.sample_id}"


def _relabelled(
    item: RawShape, was: ShapeLabel, now: ShapeLabel, label: LabelThere, there: TaskLabels
) -> dict[str, Any]:
    """Another label has other attributes: what was said stays where the new one can say it too, as it does in CVAT."""
    before = {value["name"]: str(value["value"]) for value in item.get("attributes") or ()}
    fresh = {name: value for name, value in now.said.items() if was.said.get(name) != value}
    kept = {n: v for n, v in before.items() if n in label.attributes and label.attributes[n].takes(v)}
    return {"label": label.name, "label_id": label.id, "attributes": there.said(label, kept | fresh, where(now))}


def _said(item: RawShape, was: ShapeLabel, said: Mapping[str, str], there: TaskLabels) -> list[dict[str, Any]]:
    """The attributes of an item with other values for some."""
    label = there.find(was.label, item.get("type", TAG), where(was))
    specs = {name: require_value(label, name, value, where(was)) for name, value in said.items()}
    values = [dict(value) for value in item.get("attributes") or ()]
    told = {value["name"] for value in values}
    values = [{**value, "value": said.get(value["name"], value["value"])} for value in values]
    return [*values, *({"spec_id": specs[n].id, "name": n, "value": v} for n, v in said.items() if n not in told)]
