"""What writing the labels of a task here over those on the server would change there, frame by frame."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelloop.core.annotation import AnnotatedFrame, RawShape, TaskContent, content_hash
from labelloop.core.errors import LabelError

UNSENT = ("id", "label")  # given by the server, and by whoever reads it


@dataclass(frozen=True)
class FrameDiff:
    """What changes on one frame: objects that are added, changed and removed; `deleted` is what the frame becomes."""

    frame: int
    name: str
    added: int
    changed: int
    removed: int
    deleted: bool | None = None

    @property
    def told(self) -> str:
        """The frame and its changes in words."""
        counts = {"added": self.added, "changed": self.changed, "removed": self.removed}
        said = [f"{count} {what}" for what, count in counts.items() if count]
        said += [] if self.deleted is None else ["frame deleted" if self.deleted else "frame restored"]
        return f"frame {self.frame} {self.name}: {', '.join(said)}"


def objects(frame: AnnotatedFrame) -> dict[str, list[RawShape]]:
    """Shapes, tags and tracks of a frame; a track belongs to the frame of its first keyframe alone."""
    tracks = [track for track in frame.tracks if min(shape["frame"] for shape in track["shapes"]) == frame.frame]
    return {"shapes": list(frame.shapes), "tags": list(frame.tags), "tracks": tracks}


def bare(item: RawShape) -> dict[str, Any]:
    """An object as CVAT takes it: without ids of its own and of its parts, and without names."""
    plain: dict[str, Any] = {key: value for key, value in item.items() if key not in UNSENT}
    if "attributes" in item:
        plain["attributes"] = [{"spec_id": each["spec_id"], "value": str(each["value"])} for each in item["attributes"]]
        plain["attributes"].sort(key=lambda each: each["spec_id"])
    for part in ("elements", "shapes"):
        if part in item:
            plain[part] = [bare(inner) for inner in item[part]]
    if "points" in item:
        plain["points"] = [float(value) for value in item["points"]]
    return plain | ({"rotation": float(item["rotation"])} if "rotation" in item else {})


def diff(ours: TaskContent, theirs: TaskContent) -> list[FrameDiff]:
    """The frames that differ, in order; an object with the same id and other content is changed.

    Raises:
        LabelError: If the two do not have the same frames.
    """
    if not _have_the_same_frames(ours, theirs):
        raise LabelError(f"The labels of task {ours.task_id} here are of other frames than the task has", ours.url)
    found = [_frame(mine, other) for mine, other in zip(ours.frames, theirs.frames, strict=True)]
    return [each for each in found if each.added or each.changed or each.removed or each.deleted is not None]


def is_said_by(versions: Sequence[TaskContent], content: TaskContent) -> bool:
    """Whether nothing would be lost with a content: some version has all that is drawn, some its deleted frames.

    They need not be the same version: a rewriting that broke off may have brought the one and not the other.
    """
    of_task = (each for each in versions if each.task_id == content.task_id and _have_the_same_frames(each, content))
    found = [diff(each, content) for each in of_task]
    drawn = any(all(not (frame.added or frame.changed or frame.removed) for frame in frames) for frames in found)
    return drawn and any(all(frame.deleted is None for frame in frames) for frames in found)


def _have_the_same_frames(one: TaskContent, other: TaskContent) -> bool:
    return [frame.name for frame in one.frames] == [frame.name for frame in other.frames]


def _frame(mine: AnnotatedFrame, other: AnnotatedFrame) -> FrameDiff:
    new, gone = _only(mine, other), _only(other, mine)
    changed = len(set(_ids(new)) & set(_ids(gone)))
    deleted = mine.deleted if mine.deleted != other.deleted else None
    return FrameDiff(mine.frame, mine.name, len(new) - changed, changed, len(gone) - changed, deleted)


def _only(one: AnnotatedFrame, other: AnnotatedFrame) -> list[tuple[str, RawShape]]:
    """Objects of the one that the other does not have, with their kind; equal ones count as often as they are there."""
    there = Counter(content_hash([kind, bare(item)]) for kind, items in objects(other).items() for item in items)
    left = []
    for kind, items in objects(one).items():
        for item in items:
            digest = content_hash([kind, bare(item)])
            if there[digest]:
                there[digest] -= 1
            else:
                left.append((kind, item))
    return left


def _ids(items: list[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, Any]]:
    return [(kind, item["id"]) for kind, item in items if item.get("id") is not None]
