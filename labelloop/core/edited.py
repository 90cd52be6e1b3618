"""What people changed on labels that were shown, taken over into the raw content of tasks.

The content decides: what is on a label as it was shown stays as it came, number for number. A label that was changed
becomes the shape it now is, one that is gone takes its shape with it, a new one becomes a new shape. A track gets
keyframes where it does not go by itself where people want it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from labelloop.core.annotation import AnnotatedFrame, RawShape, TaskContent
from labelloop.core.errors import LabelError
from labelloop.core.redrawn import points_of, raw_shapes, same, with_numbers
from labelloop.core.shape_labels import SKELETON, ShapeLabel, look_of
from labelloop.core.tracks import at

KEYFRAME = ("type", "points", "rotation", "occluded", "outside", "z_order")
Places = Mapping[tuple[int, int], list[ShapeLabel]]  # labels by task and frame


def edited(
    content: TaskContent, sample_of: Mapping[str, str], shown: Sequence[ShapeLabel], left: Sequence[ShapeLabel]
) -> TaskContent:
    """The content of a task with what people changed.

    Args:
        content: The task as the server gave it.
        sample_of: Sample id by frame name.
        shown: All labels of images that people could change, as they were shown.
        left: All labels of these images now; one without a task belongs to the task that has its image.

    Raises:
        LabelError: If a label of a track or a skeleton became something that it cannot be.
    """
    live = {sample_of[frame.name]: frame for frame in content.frames if not frame.deleted}
    before = [label for label in shown if label.sample_id in live and label.key[0] == content.task_id]
    now = [label for label in left if label.sample_id in live and label.key[0] in (content.task_id, -1)]
    numbers = iter(range(_highest(content) + 1, 1 << 31))
    followed = _tracks(content, live, before, now)
    still = {(label.sample_id, label.key): label for label in before if "track_id" not in label.about}
    frames = []
    for frame in content.frames:
        on_it = [label for label in now if live.get(label.sample_id) is frame and label.key not in followed]
        frames.append(_frame(frame, still, on_it, numbers))
    kept = [track for track in followed.values() if track is not None]
    return replace(content, frames=tuple(replace(frame, tracks=_on(frame, kept)) for frame in frames))


def _highest(content: TaskContent) -> int:
    items = (item for frame in content.frames for kind in (frame.shapes, frame.tags) for item in kind)
    return max((int(item["id"]) for item in items), default=0)


def _on(frame: AnnotatedFrame, tracks: Iterable[RawShape]) -> tuple[RawShape, ...]:
    here = [track for track in tracks if any(shape["frame"] == frame.frame for shape in track["shapes"])]
    return tuple(sorted(here, key=lambda track: (track["frame"], track["id"])))


def _frame(
    frame: AnnotatedFrame, still: Mapping[Any, ShapeLabel], now: Sequence[ShapeLabel], numbers: Iterable[int]
) -> AnnotatedFrame:
    """A frame with what stands still on it as people left it."""
    by_key: dict[Any, ShapeLabel] = {}
    new: list[ShapeLabel] = []
    for label in now:
        known = (label.sample_id, label.key) in still and label.key not in by_key
        by_key |= {label.key: label} if known else {}
        new += [] if known else [label]
    before = {key: label for (_, key), label in still.items() if label.about["frame"] == frame.frame}
    shapes = _settled(frame.shapes, before, by_key, frame)
    tags = _settled(frame.tags, before, by_key, frame)
    for each in (raw for label in new for raw in raw_shapes(label, frame)):
        (shapes if "type" in each else tags).append(each)
    ids = iter(numbers)
    numbered = [[item if "id" in item else {**item, "id": next(ids)} for item in items] for items in (shapes, tags)]
    return replace(frame, shapes=tuple(numbered[0]), tags=tuple(numbered[1]))


def _settled(
    items: Sequence[RawShape], before: Mapping[Any, ShapeLabel], now: Mapping[Any, ShapeLabel], frame: AnnotatedFrame
) -> list[dict[str, Any]]:
    """The shapes or tags of a frame: those that were not shown or not changed as they are, those that are gone not."""
    by_number = {(key[1], key[2]): key for key in before}
    settled: list[dict[str, Any]] = []
    for item in items:
        key = by_number.get((item.get("type", "tag"), item["id"]))
        if key is None or (key in now and same(before[key], now[key])):
            settled.append(dict(item))
        elif key in now:
            settled += _changed(item, now[key], frame)
    return settled


def _changed(item: RawShape, label: ShapeLabel, frame: AnnotatedFrame) -> list[dict[str, Any]]:
    raws = raw_shapes(label, frame)
    if raws and item.get("type") == SKELETON:
        parts = _moved_parts(item["elements"], label, frame)
        about = {**raws[0], "type": SKELETON, "points": [], "elements": parts}
        return [with_numbers(about, item)]
    return [with_numbers(raws[0], item), *raws[1:]] if raws else []


def _moved_parts(parts: Sequence[RawShape], label: ShapeLabel, frame: AnnotatedFrame) -> list[dict[str, Any]]:
    """The parts of a skeleton at the places of its label; one without a place stays where it was, and is outside."""
    places = points_of(label, frame)
    if len(places) != len(parts):
        raise LabelError(
            f"The skeleton {label.about.get('shape_id')} on sample {label.sample_id} has {len(places)} points now, and "
            f"{len(parts)} parts",
            "Move its points; adding and removing them is not possible.",
        )
    return [
        {**part, "outside": place is None, "points": part["points"] if place is None else place}
        for part, place in zip(parts, places, strict=True)
    ]


def _tracks(
    content: TaskContent, live: Mapping[str, AnnotatedFrame], before: Sequence[ShapeLabel], now: Sequence[ShapeLabel]
) -> dict[Any, dict[str, Any] | None]:
    """Every track by the key of its labels, None for one of which no label is left."""
    was: dict[Any, dict[str, ShapeLabel]] = defaultdict(dict)
    left: dict[Any, dict[str, ShapeLabel]] = defaultdict(dict)
    for labels, into in ((before, was), (now, left)):
        for label in labels:
            if "track_id" in label.about:
                into[label.key][label.sample_id] = label
    raw = {int(track["id"]): track for frame in content.frames for track in frame.tracks}
    tracks: dict[Any, dict[str, Any] | None] = {}
    for number, track in raw.items():
        key = (content.task_id, "track", number)
        here, there = was.get(key, {}), left.get(key, {})
        unchanged = here.keys() == there.keys() and all(same(here[each], there[each]) for each in here)
        tracks[key] = dict(track) if unchanged else _followed(track, there, live) if there else None
    return tracks


def _followed(track: RawShape, left: Mapping[str, ShapeLabel], live: Mapping[str, AnnotatedFrame]) -> dict[str, Any]:
    """A track with keyframes wherever it does not go where its labels are, or is seen where they are not.

    What is said of a track as a whole is what its first label says.
    """
    first = left[min(left, key=lambda sample_id: live[sample_id].frame)]
    fixed = {value["name"] for value in track.get("attributes") or ()}
    said = [
        {**value, "value": first.said.get(value["name"], value["value"])} for value in track.get("attributes") or ()
    ]
    about = {"label": first.label, "group": first.about.get("group"), "source": first.about.get("source", "manual")}
    made = {**track, **about, "attributes": said}
    frames = sorted(((frame, left.get(sample_id)) for sample_id, frame in live.items()), key=lambda pair: pair[0].frame)
    # A keyframe moves what is between it and its neighbours, so that it is looked at again until nothing is off.
    for _ in range(len(frames) + 1):
        off = [(frame, label) for frame, label in frames if not _goes(made, frame, label, fixed)]
        if not off:
            return made
        for frame, label in off:
            made = _with_keyframe(made, frame, label, fixed)
    raise LabelError(f"Track {track['id']} does not go where its labels are, on sample {first.sample_id}")


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
) -> dict[str, Any]:
    """A track with one more keyframe, as the label has it; outside where there is none."""
    near = _near(track, frame.frame)
    if track.get("elements"):
        places = [None] * len(track["elements"]) if label is None else points_of(label, frame)
        pairs = zip(track["elements"], places, strict=True)
        parts = [_inserted(part, _placed(part, place, frame.frame), frame.frame) for part, place in pairs]
        return _inserted({**track, "elements": parts}, near, frame.frame)
    if label is None:
        return _inserted(track, {**near, "outside": True}, frame.frame)
    raws = raw_shapes(label, frame)
    if len(raws) != 1 or raws[0]["type"] != near["type"]:
        raise LabelError(
            f"The {near['type']} of track {track['id']} on sample {label.sample_id} is another type now",
            "Delete its labels and draw it anew.",
        )
    numbers = {value["name"]: value for value in near.get("attributes") or ()}
    said = [
        {**numbers.get(name, {"name": name}), "value": value} for name, value in label.said.items() if name not in fixed
    ]
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
