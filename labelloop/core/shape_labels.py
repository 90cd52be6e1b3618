"""What people drew besides the boxes that training uses, as labels a viewer can show: one for each image it is on.

A projection: the raw shapes in the label version file stay the original. Coordinates are shares of width and height,
as FiftyOne has them; a share times the side is the pixel again, to within 1e-9 of the number.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from labelloop.core.annotation import AnnotatedFrame, RawShape, TaskContent
from labelloop.core.boxes import as_boxes, ordered
from labelloop.core.drawn import RECTANGLE, TAG, TRACK, second_frames
from labelloop.core.masks import Mask, pixels_of
from labelloop.core.outline import CLOSED, WITH_RINGS, Ring, rings_of
from labelloop.core.tracks import at
from labelloop.core.vocabulary import Field

MASK, SKELETON, POINTS = "mask", "skeleton", "points"
DRAWN = {"occluded": False, "z_order": 0, "rotation": 0.0}  # what a shape says of itself, and CVAT's defaults
SEEN, HIDDEN, NOWHERE = 2, 1, 0  # visibility of a part of a skeleton, COCO's numbers


@dataclass(frozen=True, eq=False)
class ShapeLabel:
    """One label on one image.

    Attributes:
        sample_id: The image.
        shown_in: The field of its label type.
        label: Class.
        rings: Of an outline or of points, (N, 2) each, shares; a point that is not there is NaN.
        closed: Whether the rings are.
        box: Left, top, width, height, shares; empty where it has rings.
        mask: The pixels of the box, where it has any.
        about: Type, provenance and what else is said in numbers; `track_id` and `keyframe` on those of a track, `parts`
            and `visibility` on a skeleton.
        said: Values of its attributes, by name.
    """

    sample_id: str
    shown_in: Field
    label: str
    rings: tuple[Ring, ...] = ()
    closed: bool = False
    box: tuple[float, ...] = ()
    mask: Mask | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[int, str, int]:
        """What it was made of, as label versions count it: task, type (`track`, `tag`), number; -1 for none."""
        kind = TRACK if "track_id" in self.about else str(self.about.get("type", ""))
        number = self.about.get("track_id", self.about.get("shape_id"))
        return int(self.about.get("task_id", -1)), kind, -1 if number is None else int(number)


def shape_labels(
    contents: Sequence[TaskContent], sample_of: Mapping[str, str], stored: Collection[tuple[int, str, int]] = ()
) -> list[ShapeLabel]:
    """Labels of all that can be shown of some tasks; deleted frames and second ones of an image are left out.

    Args:
        contents: The tasks as the server gave them.
        sample_of: Sample id by frame name.
        stored: Keys of what is shown elsewhere, as a box or as a class of its image.
    """
    return [label for content in contents for label in _of_task(content, sample_of, stored)]


def can_be_shown(raw: RawShape, frame: AnnotatedFrame) -> bool:
    """Whether a shape, tag or track is seen on this frame."""
    shape = at(raw, frame.frame) if "shapes" in raw else raw
    return shape is not None and ("type" not in shape or _look(shape, frame) is not None)


def _of_task(
    content: TaskContent, sample_of: Mapping[str, str], stored: Collection[tuple[int, str, int]]
) -> Iterator[ShapeLabel]:
    second = second_frames(content, sample_of)
    live = [frame for frame in content.frames if not frame.deleted and frame.frame not in second]
    tracks = {track["id"]: track for frame in content.frames for track in frame.tracks}
    for frame in live:
        place: dict[str, Any] = {"task_id": content.task_id, "job_id": frame.job_id, "frame": frame.frame}
        sample_id = sample_of[frame.name]
        for tag in frame.tags:
            if (content.task_id, TAG, tag["id"]) in stored:
                continue
            about = {**place, **_origin(tag), "type": TAG}
            yield ShapeLabel(sample_id, Field.HUMAN_CLASSIFICATIONS, tag["label"], about=about, said=_said(tag))
        for shape in frame.shapes:
            if (content.task_id, shape["type"], shape["id"]) not in stored:
                yield from _of_shape(shape, frame, sample_id, place)
        for number, track in tracks.items():
            moment = at(track, frame.frame)
            if moment is not None:
                tracked = {**place, "track_id": number, "keyframe": moment["keyframe"]}
                yield from _of_shape(moment, frame, sample_id, tracked)


def look_of(raw: RawShape, frame: AnnotatedFrame) -> ShapeLabel | None:
    """How a shape looks on a frame and what is said of it, wherever it came from; None where nothing is to be seen."""
    look = _look(raw, frame)
    if look is None:
        return None
    drawn = {name: raw.get(name, default) for name, default in DRAWN.items()}
    about = {**_origin(raw), **drawn, "type": raw["type"], **look.about}
    return replace(look, label=raw["label"], about=about, said=_said(raw))


def _of_shape(raw: RawShape, frame: AnnotatedFrame, sample_id: str, place: Mapping[str, Any]) -> Iterator[ShapeLabel]:
    look = look_of(raw, frame)
    if look is not None:
        yield replace(look, sample_id=sample_id, about={**place, **look.about})


def _origin(raw: RawShape) -> dict[str, Any]:
    return {"shape_id": raw.get("id"), "group": raw.get("group") or None, "source": raw.get("source", "manual")}


def _said(raw: RawShape) -> dict[str, str]:
    return {value["name"]: str(value["value"]) for value in raw.get("attributes") or ()}


def _look(raw: RawShape, frame: AnnotatedFrame) -> ShapeLabel | None:
    """How a shape looks on its image; None where there is nothing to see."""
    kind, size = str(raw["type"]), np.array([frame.width, frame.height], dtype=float)
    if raw.get("outside"):
        return None
    if kind == MASK:
        return _mask_look(raw, frame)
    if kind == SKELETON:
        return _skeleton_look(raw, size)
    if kind == RECTANGLE and not raw.get("rotation", 0.0) % 360.0:
        x1, y1, x2, y2 = ordered(as_boxes(raw["points"]))[0].tolist()
        return ShapeLabel("", Field.HUMAN_SHAPES, "", box=_shares((x1, y1, x2 - x1, y2 - y1), frame))
    if kind not in WITH_RINGS:
        return None
    rings = tuple(ring / size for ring in rings_of(kind, raw["points"], float(raw.get("rotation", 0.0))))
    shown_in = Field.HUMAN_KEYPOINTS if kind == POINTS else Field.HUMAN_POLYLINES
    return ShapeLabel("", shown_in, "", rings=rings, closed=kind in CLOSED)


def _mask_look(raw: RawShape, frame: AnnotatedFrame) -> ShapeLabel | None:
    """CVAT's mask: runs of equal pixels, and the box they fill, its last row and column included."""
    *runs, left, top, right, bottom = (int(value) for value in raw["points"])
    width, height = right - left + 1, bottom - top + 1
    try:
        mask = pixels_of(runs, width, height)
    except ValueError:
        return None
    return ShapeLabel("", Field.HUMAN_SHAPES, "", box=_shares((left, top, width, height), frame), mask=mask)


def _skeleton_look(raw: RawShape, size: np.ndarray) -> ShapeLabel | None:
    """A point for each part; a part that is outside has no place."""
    parts = [part for part in raw.get("elements") or () if part["type"] == POINTS]
    if all(part.get("outside") for part in parts):
        return None
    places = [(math.nan, math.nan) if part.get("outside") else part["points"][:2] for part in parts]
    visibility = [NOWHERE if p.get("outside") else HIDDEN if p.get("occluded") else SEEN for p in parts]
    about = {"parts": [part["label"] for part in parts], "visibility": visibility}
    return ShapeLabel("", Field.HUMAN_KEYPOINTS, "", rings=(np.array(places, dtype=float) / size,), about=about)


def _shares(xywh: Sequence[float], frame: AnnotatedFrame) -> tuple[float, ...]:
    x, y, width, height = xywh
    return x / frame.width, y / frame.height, width / frame.width, height / frame.height
