"""What people changed on labels that were shown, taken over into the raw content of tasks.

The content decides: what is on a label as it was shown stays as it came, number for number, and so does everything on
a frame that was not shown. A label that was changed becomes the shape it now is, one that is gone takes its shape with
it, a new one becomes a new shape. Tracks are the matter of `core.edited_tracks`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labelloop.core.annotation import AnnotatedFrame, RawShape, TaskContent
from labelloop.core.drawn import second_frames
from labelloop.core.edited_tracks import edited_tracks
from labelloop.core.errors import LabelError
from labelloop.core.redrawn import changed, is_in_place, new_shapes, points_of, same, where
from labelloop.core.shape_labels import SKELETON, ShapeLabel
from labelloop.core.task_labels import TaskLabels
from labelloop.core.tracks import has_keyframe, in_order


@dataclass(frozen=True)
class Shown:
    """What edits are read from.

    Attributes:
        on: The images whose labels are compared; what is on others is not known, and stays.
        before: All labels of these images, as they were shown.
        after: All labels of these images now.
    """

    on: Collection[str]
    before: Sequence[ShapeLabel]
    after: Sequence[ShapeLabel]


def edited(
    content: TaskContent, sample_of: Mapping[str, str], shown: Shown, there: TaskLabels, numbers: Iterator[int]
) -> TaskContent:
    """The content of a task with what people changed.

    Args:
        content: The task as the server gave it.
        sample_of: Sample id by frame name.
        shown: Labels as they were shown, and as they are.
        there: The labels of the task on the server.
        numbers: Ids for new shapes, which nothing else has or had.

    Raises:
        LabelError: If a label became something that it cannot be.
    """
    second = second_frames(content, sample_of)
    counting = ((sample_of[f.name], f) for f in content.frames if not f.deleted and f.frame not in second)
    live = {sample_id: frame for sample_id, frame in counting if sample_id in shown.on}
    before = [label for label in shown.before if label.sample_id in live]
    after = [label for label in shown.after if label.sample_id in live]
    followed = edited_tracks(content, live, before, after)
    was, left = defaultdict[str, dict[Any, ShapeLabel]](dict), defaultdict[str, list[ShapeLabel]](list)
    for label in before:
        if "track_id" not in label.about:
            was[label.sample_id][label.key] = label
    for label in after:
        if label.key not in followed:
            left[label.sample_id].append(label)
    sample_on = {frame.frame: sample_id for sample_id, frame in live.items()}
    frames = [
        _frame(frame, was[sample_id], left[sample_id], there, numbers)
        if (sample_id := sample_on.get(frame.frame))
        else frame
        for frame in content.frames
    ]
    return replace(content, frames=tuple(_with(frames, [track for track in followed.values() if track is not None])))


def _with(frames: Iterable[AnnotatedFrame], tracks: Iterable[RawShape]) -> Iterator[AnnotatedFrame]:
    """Frames with the tracks that have a keyframe there.

    A track whose keyframes gave way hangs on a frame without one, see `pulling.merge`, and stays there.
    """
    by_id = {track["id"]: track for track in tracks}
    keyed = defaultdict[int, dict[int, RawShape]](dict)
    for number, track in by_id.items():
        for shape in track["shapes"]:
            keyed[shape["frame"]][number] = track
    for frame in frames:
        hung = {t["id"]: by_id[t["id"]] for t in frame.tracks if t["id"] in by_id and not has_keyframe(t, frame.frame)}
        yield replace(frame, tracks=in_order((hung | keyed[frame.frame]).values()))


def _frame(
    frame: AnnotatedFrame,
    was: Mapping[Any, ShapeLabel],
    now: Sequence[ShapeLabel],
    there: TaskLabels,
    numbers: Iterator[int],
) -> AnnotatedFrame:
    """A frame with what stands still on it as people left it."""
    by_key: dict[Any, ShapeLabel] = {}
    new: list[ShapeLabel] = []
    for label in now:
        known = label.key in was and label.key not in by_key
        by_key |= {label.key: label} if known else {}
        new += [] if known else [label]
    shapes = _settled(frame.shapes, was, by_key, frame, there)
    tags = _settled(frame.tags, was, by_key, frame, there)
    for each in (raw for label in new for raw in new_shapes(label, frame, there)):
        (shapes if "type" in each else tags).append({**each, "id": next(numbers)})
    return replace(frame, shapes=tuple(shapes), tags=tuple(tags))


def _settled(
    items: Sequence[RawShape],
    was: Mapping[Any, ShapeLabel],
    now: Mapping[Any, ShapeLabel],
    frame: AnnotatedFrame,
    there: TaskLabels,
) -> list[RawShape]:
    """The shapes or tags of a frame: those that were not shown or not changed as they are, those that are gone not."""
    by_number = {(key[1], key[2]): key for key in was}
    settled: list[RawShape] = []
    for item in items:
        key = by_number.get((item.get("type", "tag"), item["id"]))
        if key is None or (key in now and same(was[key], now[key])):
            settled.append(item)
        elif key in now:
            redraw = _skeleton if item.get("type") == SKELETON else changed
            settled.append(redraw(item, was[key], now[key], frame, there))
    return settled


def _skeleton(
    item: RawShape, was: ShapeLabel, now: ShapeLabel, frame: AnnotatedFrame, there: TaskLabels
) -> dict[str, Any]:
    if was.label != now.label:
        raise LabelError(f"{where(now)} is a skeleton, whose parts have labels of their own", "Draw it anew in CVAT.")
    parts = item["elements"] if is_in_place(was, now) else _moved_parts(item["elements"], was, now, frame)
    return {**changed(item, was, replace(now, rings=was.rings), frame, there), "elements": parts}


def _moved_parts(
    parts: Sequence[RawShape], was: ShapeLabel, now: ShapeLabel, frame: AnnotatedFrame
) -> list[dict[str, Any]]:
    """The parts of a skeleton at the places of its label; one without a place stays where it was, and is outside."""
    before, places = points_of(was, frame), points_of(now, frame)
    if len(places) != len(parts):
        raise LabelError(
            f"{where(now)} has {len(places)} points now, and {len(parts)} parts",
            "Move its points; adding and removing them is not possible.",
        )
    moved = []
    for part, old, place in zip(parts, before, places, strict=True):
        at = part["points"] if place is None or place == old else place
        moved.append({**part, "outside": place is None, "points": at})
    return moved
