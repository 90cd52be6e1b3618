"""Where the object of a track is on each frame, between its keyframes as well.

As CVAT has it: rectangles, ellipses, cuboids and single points go straight from one keyframe to the next, angles turn
the short way, several points stay where they were, and an object is not seen from an `outside` keyframe on until the
next one. Polygons and polylines of equally many points go straight, point by point, where CVAT matches points along
their length; with other numbers of points the last keyframe stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from labelloop.core.annotation import RawShape, content_hash

STRAIGHT = ("rectangle", "ellipse", "cuboid")
POINT_BY_POINT = ("polygon", "polyline")


def at(track: RawShape, frame: int) -> dict[str, Any] | None:
    """The object of a track on a frame, as a shape that also says whether it is a `keyframe`; None if it is not seen.

    Args:
        track: As the server gave it; a skeleton's parts are tracks of their own.
        frame: Number in the task.
    """
    parts = [_placed(part, frame) for part in track.get("elements") or ()]
    seen = [part for part in parts if part is not None]
    shape = _placed(track, frame)
    if shape is None or shape["outside"] or (parts and all(part["outside"] for part in seen)):
        return None
    keyframe = shape["keyframe"] or any(part["keyframe"] for part in seen)
    attributes = [*track.get("attributes", ()), *shape.get("attributes", ())]
    return {**_shared(track), **shape, "attributes": attributes, "elements": seen, "keyframe": keyframe}


def has_keyframe(track: RawShape, frame: int) -> bool:
    """Whether somebody drew the object on this very frame, or said there that it is not seen."""
    return any(shape["frame"] == frame for shape in track["shapes"])


def in_order(tracks: Iterable[RawShape]) -> tuple[RawShape, ...]:
    """Tracks in the order in which frames hold them: by their first frame."""
    return tuple(sorted(tracks, key=lambda track: (track["frame"], track["id"])))


def ended(track: RawShape, frame: int) -> RawShape:
    """A track as CVAT gives it through its task, where its job ends before `frame` and another one follows.

    Unless its last keyframe is outside, wherever that is, it gets one that is, on that frame; and its parts do.
    """
    last = max(track["shapes"], key=lambda shape: int(shape["frame"]), default=None)
    if last is None or last.get("outside"):
        return track
    parts = {"elements": [ended(part, frame) for part in track["elements"]]} if "elements" in track else {}
    return {**track, "shapes": [*track["shapes"], {**last, "frame": frame, "outside": True}], **parts}


def as_drawn(track: RawShape, frame: int) -> RawShape | None:
    """The track that CVAT gives as this one when its job ends before `frame`; None when there is no such track.

    That is the track itself, or without the keyframe on that frame that CVAT made, where it has keyframes after it.
    """
    for drawn in (track, _without(track, frame)):
        if drawn["shapes"] and _said(ended(drawn, frame)) == _said(track):
            return drawn
    return None


def _without(track: RawShape, frame: int) -> RawShape:
    """The track and its parts without the keyframes on a frame that are outside, in the order of frames."""
    left = [shape for shape in track["shapes"] if not (shape["frame"] == frame and shape.get("outside"))]
    parts = {"elements": [_without(part, frame) for part in track["elements"]]} if "elements" in track else {}
    return {**track, "shapes": sorted(left, key=lambda shape: int(shape["frame"])), **parts}


def _said(track: RawShape) -> list[Any]:
    """What the keyframes of a track and of its parts say, in an order of their own; their ids say nothing."""
    keyframes = [{key: value for key, value in shape.items() if key != "id"} for shape in track["shapes"]]
    return [*sorted(map(content_hash, keyframes)), *(_said(part) for part in track.get("elements") or ())]


def _placed(track: RawShape, frame: int) -> dict[str, Any] | None:
    """A track without its parts on a frame, whether it is seen or not; None before its first keyframe."""
    keyframes = sorted(track["shapes"], key=lambda shape: int(shape["frame"]))
    before = [shape for shape in keyframes if shape["frame"] <= frame]
    if not before:
        return None
    left = {"outside": False, "rotation": 0.0, **before[-1]}
    if left["frame"] == frame:
        return {**_shared(track), **left, "keyframe": True}
    right = keyframes[len(before)] if len(before) < len(keyframes) else None
    moved = _between(left, right, frame) if right is not None and not left["outside"] else {}
    bare = {key: value for key, value in left.items() if key != "id"}
    return {**_shared(track), **bare, **moved, "frame": frame, "keyframe": False}


def _shared(track: RawShape) -> Mapping[str, Any]:
    return {key: track[key] for key in ("label", "group", "source") if key in track}


def _between(left: RawShape, right: RawShape, frame: int) -> dict[str, Any]:
    """Points and rotation on the way from one keyframe to the next; nothing where the object stays."""
    if not _goes(str(left["type"]), left["points"], right["points"]) or left["type"] != right["type"]:
        return {}
    share = (frame - left["frame"]) / (right["frame"] - left["frame"])
    start, end = np.asarray(left["points"], dtype=float), np.asarray(right["points"], dtype=float)
    turn = (float(right.get("rotation", 0.0)) - float(left["rotation"]) + 180.0) % 360.0 - 180.0
    return {
        "points": (start + (end - start) * share).tolist(),
        "rotation": (float(left["rotation"]) + turn * share) % 360.0,
    }


def _goes(kind: str, left: Sequence[float], right: Sequence[float]) -> bool:
    if kind in POINT_BY_POINT:
        return len(left) == len(right)
    return kind in STRAIGHT or (kind == "points" and len(left) == len(right) == 2)
