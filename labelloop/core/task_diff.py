"""What writing the labels of a task here over those on the server would change there, frame by frame."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from labelloop.core.annotation import AnnotatedFrame, RawShape, TaskContent, content_hash
from labelloop.core.carried import Said, attributes_said, plain
from labelloop.core.errors import LabelError


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


def diff(ours: TaskContent, theirs: TaskContent) -> list[FrameDiff]:
    """The frames that differ, in order; an object with the same id and other content is changed.

    Objects are compared by names. An attribute that the labels here know nothing of does not count: it got its default
    when it was added in CVAT.

    Raises:
        LabelError: If the two do not have the same frames.
    """
    return _diff(ours, theirs, attributes_said(ours))


def is_said_by(versions: Sequence[TaskContent], content: TaskContent) -> bool:
    """Whether nothing would be lost with a content: some version has all that is drawn, some its deleted frames.

    They need not be the same version: a rewriting that broke off may have brought the one and not the other.
    """
    of_task = (each for each in versions if each.task_id == content.task_id and _have_the_same_frames(each, content))
    found = [_diff(each, content) for each in of_task]
    drawn = any(all(not (frame.added or frame.changed or frame.removed) for frame in frames) for frames in found)
    return drawn and any(all(frame.deleted is None for frame in frames) for frames in found)


def _diff(ours: TaskContent, theirs: TaskContent, only: Set[Said] | None = None) -> list[FrameDiff]:
    if not _have_the_same_frames(ours, theirs):
        raise LabelError(f"The labels of task {ours.task_id} here are of other frames than the task has", ours.url)
    names = _names(ours)
    found = [_frame(mine, other, names, only) for mine, other in zip(ours.frames, theirs.frames, strict=True)]
    return [each for each in found if each.added or each.changed or each.removed or each.deleted is not None]


def _have_the_same_frames(one: TaskContent, other: TaskContent) -> bool:
    return [frame.name for frame in one.frames] == [frame.name for frame in other.frames]


def _names(content: TaskContent) -> dict[int, str]:
    return {frame.frame: frame.name for frame in content.frames}


def _frame(mine: AnnotatedFrame, other: AnnotatedFrame, names: Mapping[int, str], only: Set[Said] | None) -> FrameDiff:
    here, there = _digests(mine, names, only), _digests(other, names, only)
    new, gone = _only(here, there), _only(there, here)
    changed = len(set(_ids(new)) & set(_ids(gone)))
    deleted = mine.deleted if mine.deleted != other.deleted else None
    return FrameDiff(mine.frame, mine.name, len(new) - changed, changed, len(gone) - changed, deleted)


def _digests(
    frame: AnnotatedFrame, names: Mapping[int, str], only: Set[Said] | None
) -> dict[str, list[tuple[str, RawShape]]]:
    """The objects of a frame, each with its kind, by what they are; equal ones are together."""
    found: dict[str, list[tuple[str, RawShape]]] = {}
    for kind, items in objects(frame).items():
        for item in items:
            found.setdefault(content_hash([kind, plain(item, names, only)]), []).append((kind, item))
    return found


def _only(
    one: Mapping[str, list[tuple[str, RawShape]]], other: Mapping[str, list[tuple[str, RawShape]]]
) -> list[tuple[str, RawShape]]:
    """Objects of the one that the other does not have; equal ones count as often as they are there."""
    return [each for digest, items in one.items() for each in items[len(other.get(digest, ())) :]]


def _ids(items: list[tuple[str, RawShape]]) -> list[tuple[str, Any]]:
    return [(kind, item["id"]) for kind, item in items if item.get("id") is not None]
