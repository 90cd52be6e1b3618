"""Tracks as people left them: keyframes where a track does not go by itself where its labels are.

A track runs over images that were not shown as well. What is seen of it there stays; where that cannot be, nothing is
changed.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labelloop.core.annotation import AnnotatedFrame, RawShape, TaskContent
from labelloop.core.drawn import TRACK
from labelloop.core.errors import LabelError
from labelloop.core.redrawn import points_of, raw_shapes, same, where
from labelloop.core.shape_labels import ShapeLabel, look_of
from labelloop.core.tracks import at

KEYFRAME = ("type", "points", "rotation", "occluded", "outside", "z_order")
SEEN = ("type", "points", "rotation", "occluded", "z_order", "attributes")
DRAW_IN_CVAT = "Change the track in CVAT."


def edited_tracks(
    content: TaskContent, live: Mapping[str, AnnotatedFrame], before: Sequence[ShapeLabel], after: Sequence[ShapeLabel]
) -> dict[Any, RawShape | None]:
    """Every track of a task by the key of its labels, None for one of which nothing is left.

    Args:
        content: The task.
        live: The frames that were shown, by sample.
        before: Labels on them, as they were shown.
        after: Labels on them now.

    Raises:
        LabelError: If a track cannot go where its labels are.
    """
    was, left = _by_track(before), _by_track(after)
    raw = {int(track["id"]): track for frame in content.frames for track in frame.tracks}
    tracks: dict[Any, RawShape | None] = {}
    for number, track in raw.items():
        key = (content.task_id, TRACK, number)
        here, there = was.get(key, {}), left.get(key, {})
        unchanged = here.keys() == there.keys() and all(same(here[each], there[each]) for each in here)
        tracks[key] = track if unchanged else _left(content, track, live, here, there)
    return tracks


def _by_track(labels: Sequence[ShapeLabel]) -> dict[Any, dict[str, ShapeLabel]]:
    found: dict[Any, dict[str, ShapeLabel]] = defaultdict(dict)
    for label in labels:
        if "track_id" in label.about:
            found[label.key][label.sample_id] = label
    return found


def _left(
    content: TaskContent,
    track: RawShape,
    live: Mapping[str, AnnotatedFrame],
    was: Mapping[str, ShapeLabel],
    left: Mapping[str, ShapeLabel],
) -> RawShape | None:
    """A track as people left it."""
    shown = {frame.frame for frame in live.values()}
    others = [frame.frame for frame in content.frames if frame.frame not in shown]
    if not left and not any(at(track, frame) for frame in others):
        return None
    _refuse_another_object(track, was, left)
    made = _followed(track, left, live)
    off = [frame.name for frame in content.frames if frame.frame in others and not _is_seen_alike(track, made, frame)]
    if off:
        one = next(iter({**was, **left}.values()))
        raise LabelError(
            f"{where(one)} belongs to a track that would go elsewhere on images that are not shown: {', '.join(off)}",
            DRAW_IN_CVAT,
        )
    return made


def _refuse_another_object(track: RawShape, was: Mapping[str, ShapeLabel], left: Mapping[str, ShapeLabel]) -> None:
    """What is said of a track as a whole cannot be another on one of its images."""
    fixed = {value["name"] for value in track.get("attributes") or ()}

    def whole(label: ShapeLabel) -> list[Any]:
        said = {name: value for name, value in label.said.items() if name in fixed}
        return [label.label, label.about.get("group") or None, label.about.get("source"), said]

    told = [whole(label) for label in was.values()]
    for label in left.values():
        if not told or whole(label) not in told:
            raise LabelError(f"{where(label)} says another thing than its track as a whole", DRAW_IN_CVAT)


def _followed(track: RawShape, left: Mapping[str, ShapeLabel], live: Mapping[str, AnnotatedFrame]) -> RawShape:
    """A track with keyframes wherever it does not go where its labels are, or is seen where they are not."""
    made = track
    fixed = {value["name"] for value in track.get("attributes") or ()}
    frames = sorted(((frame, left.get(sample_id)) for sample_id, frame in live.items()), key=lambda pair: pair[0].frame)
    # A keyframe moves what is between it and its neighbours, so that it is looked at again until nothing is off.
    for _ in range(len(frames) + 1):
        off = [(frame, label) for frame, label in frames if not _goes(made, frame, label, fixed)]
        if not off:
            return made
        for frame, label in off:
            made = _with_keyframe(made, frame, label, fixed)
    on = ", ".join(sorted({label.sample_id for _, label in off if label} or set(live)))
    raise LabelError(f"Track {track['id']} does not go where its labels are, on sample {on}", DRAW_IN_CVAT)


def _is_seen_alike(track: RawShape, made: RawShape, frame: AnnotatedFrame) -> bool:
    one, other = at(track, frame.frame), at(made, frame.frame)
    if one is None or other is None:
        return one is other
    parts = list(zip(one["elements"], other["elements"], strict=False))
    if len(one["elements"]) != len(other["elements"]) or any(not _is_alike(one.get(n), other.get(n)) for n in SEEN):
        return False
    return all(_is_alike(a.get(name), b.get(name)) for a, b in parts for name in (*SEEN, "outside"))


def _is_alike(one: Any, other: Any) -> bool:
    if isinstance(one, (list, tuple)) and one and isinstance(one[0], (int, float)):
        return len(one) == len(other) and bool(np.allclose(one, other, rtol=1e-9, atol=1e-6))
    return bool(one == other)


def _goes(track: RawShape, frame: AnnotatedFrame, label: ShapeLabel | None, fixed: Collection[str]) -> bool:
    shape = at(track, frame.frame)
    look = None if shape is None else look_of(shape, frame)
    if look is None or label is None:
        return look is label
    wanted = {**label.about, "group": look.about.get("group"), "source": look.about.get("source")}
    said = {**label.said, **{name: value for name, value in look.said.items() if name in fixed}}
    return same(look, replace(label, about=wanted, label=look.label, said=said))


def _with_keyframe(
    track: RawShape, frame: AnnotatedFrame, label: ShapeLabel | None, fixed: Collection[str]
) -> RawShape:
    """A track with one more keyframe, as the label has it; outside where there is none."""
    near = _near(track, frame.frame)
    if track.get("elements"):
        places = [None] * len(track["elements"]) if label is None else points_of(label, frame)
        if label is not None and len(places) != len(track["elements"]):
            raise LabelError(f"{where(label)} has {len(places)} points now", DRAW_IN_CVAT)
        pairs = zip(track["elements"], places, strict=True)
        parts = [_inserted(part, _placed(part, place, frame.frame), frame.frame) for part, place in pairs]
        return _inserted({**track, "elements": parts}, near, frame.frame)
    if label is None:
        return _inserted(track, {**near, "outside": True}, frame.frame)
    raws = raw_shapes(label, frame)
    if len(raws) != 1 or raws[0]["type"] != near["type"]:
        raise LabelError(
            f"{where(label)} is no {near['type']} any more, as its track is on other images",
            "Delete its labels and draw it anew.",
        )
    numbers = {value["name"]: value for value in near.get("attributes") or ()}
    unknown = sorted(label.said.keys() - numbers.keys() - set(fixed))
    if unknown:
        raise LabelError(f"{where(label)} says {', '.join(unknown)}, which its track does not", DRAW_IN_CVAT)
    said = [{**value, "value": label.said.get(name, value["value"])} for name, value in numbers.items()]
    drawn = {name: raws[0][name] for name in KEYFRAME}
    return _inserted(track, {**near, **drawn, "attributes": said}, frame.frame)


def _placed(part: RawShape, place: list[float] | None, frame: int) -> dict[str, Any]:
    """The keyframe of a skeleton's part at a place, or outside where it was."""
    return {**_near(part, frame), "outside": place is None, **({"points": place} if place else {})}


def _near(track: RawShape, frame: int) -> dict[str, Any]:
    """What a track would be on a frame if it had a keyframe there; before the first one, that."""
    keyframes = sorted(track["shapes"], key=lambda shape: int(shape["frame"]))
    before = [shape for shape in keyframes if shape["frame"] <= frame]
    near = {name: value for name, value in (before or keyframes[:1])[-1].items() if name != "id"}
    shape = at({**track, "elements": ()}, frame) or {}
    here = {name: shape[name] for name in KEYFRAME if name in shape}
    return {"outside": False, "rotation": 0.0, **near, **here}


def _inserted(track: RawShape, keyframe: Mapping[str, Any], frame: int) -> dict[str, Any]:
    others = [shape for shape in track["shapes"] if shape["frame"] != frame]
    shapes = sorted([*others, {**keyframe, "frame": frame}], key=lambda shape: int(shape["frame"]))
    return {**track, "shapes": shapes, "frame": min(int(track["frame"]), int(shapes[0]["frame"]))}
