"""What people drew besides boxes, in FiftyOne: a field for each of its label types, there and back."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.source_labels import TAKEN
from labelloop.core.shape_labels import ShapeLabel
from labelloop.core.vocabulary import SHAPE_FIELDS, Field

# What labelloop writes beside the attributes that people filled in.
OWN = (
    "type", "task_id", "job_id", "frame", "shape_id", "track_id", "keyframe", "occluded", "z_order", "rotation",
    "group", "source", "parts", "visibility", "set_aside",
)  # fmt: skip


def show_shapes(loop: LoopDataset, labels: Sequence[ShapeLabel], sample_ids: Sequence[str]) -> None:
    """Let these images have exactly these labels in the fields of shapes; a field that nothing needs is not made."""
    made: dict[str, defaultdict[str, list[Any]]] = {str(field): defaultdict(list) for field in SHAPE_FIELDS}
    wanted = set(sample_ids)
    for label in labels:
        if label.sample_id in wanted:
            made[str(label.shown_in)][label.sample_id].append(_label(label))
    for field, (kind, holds) in _holders().items():
        found = made[field]
        if found or loop.dataset.has_field(field):
            stored = {each: kind(**{holds: labels}).to_mongo() for each, labels in found.items()}
            loop.write({each: {field: stored.get(each)} for each in sample_ids}, {field: kind})


def read_shapes(loop: LoopDataset, sample_ids: Iterable[str], attributes: Iterable[str] = ()) -> list[ShapeLabel]:
    """The labels in the fields of shapes, as people left them.

    Args:
        loop: The data set.
        sample_ids: Images to read.
        attributes: Names of attributes as CVAT has them; others are called as FiftyOne has them.
    """
    view = loop.view_of(sample_ids)
    return [
        label
        for field, (_, holds) in _holders().items()
        if loop.dataset.has_field(field)
        for sample_id, holder in zip(*view.values([Field.SAMPLE_ID.value, field]), strict=True)
        if holder is not None
        for label in read_labels(sample_id, Field(field), getattr(holder, holds), attributes)
    ]


def read_labels(sample_id: str, field: Field, drawn: Iterable[Any], attributes: Iterable[str]) -> list[ShapeLabel]:
    """The labels of one field of shapes of one sample."""
    names = {name_of(attribute): attribute for attribute in sorted(attributes)}
    return [_read(sample_id, field, each, names) for each in drawn]


def as_shown(labels: Iterable[ShapeLabel], attributes: Iterable[str] = ()) -> list[ShapeLabel]:
    """Labels as they come back when nobody touches them."""
    names = {name_of(attribute): attribute for attribute in sorted(attributes)}
    return [_read(label.sample_id, label.shown_in, _label(label), names) for label in labels]


def name_of(attribute: str) -> str:
    """Name under which a label has an attribute: FiftyOne takes no spaces, and some names are its own or ours."""
    name = "".join(sign if sign.isidentifier() or sign.isdigit() else "_" for sign in attribute).strip("_")
    return name if name.isidentifier() and name not in TAKEN and name not in OWN else f"attribute_{name}"


def _holders() -> Mapping[str, tuple[Callable[..., Any], str]]:
    """FiftyOne's type of each field, and what it calls its labels."""
    import fiftyone as fo

    return {
        str(Field.HUMAN_SHAPES): (fo.Detections, "detections"),
        str(Field.HUMAN_POLYLINES): (fo.Polylines, "polylines"),
        str(Field.HUMAN_KEYPOINTS): (fo.Keypoints, "keypoints"),
        str(Field.HUMAN_CLASSIFICATIONS): (fo.Classifications, "classifications"),
    }


def _label(label: ShapeLabel) -> Any:
    import fiftyone as fo

    said = {name_of(name): value for name, value in list(label.said.items())[::-1]}
    about = {**said, **{name: value for name, value in label.about.items() if value is not None}}
    if "track_id" in label.about:
        about["index"] = label.about["track_id"]
    rings = [[tuple(point) for point in ring.tolist()] for ring in label.rings]
    if label.shown_in == Field.HUMAN_SHAPES:
        return fo.Detection(label=label.label, bounding_box=list(label.box), mask=label.mask, **about)
    if label.shown_in == Field.HUMAN_POLYLINES:
        return fo.Polyline(label=label.label, points=rings, closed=label.closed, filled=label.closed, **about)
    if label.shown_in == Field.HUMAN_KEYPOINTS:
        return fo.Keypoint(label=label.label, points=rings[0], **about)
    return fo.Classification(label=label.label, **about)


def _read(sample_id: str, field: Field, drawn: Any, names: Mapping[str, str]) -> ShapeLabel:
    rings: Sequence[Any] = ()
    if field == Field.HUMAN_POLYLINES:
        rings = drawn.points
    elif field == Field.HUMAN_KEYPOINTS:
        rings = [drawn.points]
    boxed = field == Field.HUMAN_SHAPES
    told = {name: drawn[name] for name in drawn.field_names if drawn[name] is not None}
    return ShapeLabel(
        sample_id,
        field,
        drawn.label or "",
        rings=tuple(np.array(ring, dtype=float).reshape(-1, 2) for ring in rings),
        closed=bool(field == Field.HUMAN_POLYLINES and drawn.closed),
        box=tuple(drawn.bounding_box) if boxed else (),
        mask=drawn.get_mask() > 0 if boxed and drawn.has_mask else None,
        about={name: value for name, value in told.items() if name in OWN},
        said={names.get(name, name): _text(value) for name, value in told.items() if _is_said(name)},
    )


def _is_said(name: str) -> bool:
    return name not in TAKEN and name not in OWN and not name.startswith("_")


def _text(value: Any) -> str:
    """A value as CVAT writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
