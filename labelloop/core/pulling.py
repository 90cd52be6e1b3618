"""Which tasks of people's own project are read again, and what of them counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from labelloop.core.annotation import AnnotatedFrame, TaskContent
from labelloop.core.drawn import second_frames
from labelloop.core.tracks import at, has_keyframe, in_order
from labelloop.core.vocabulary import PullMode


@dataclass(frozen=True)
class Merged:
    """Tasks of which each image has one frame.

    Attributes:
        contents: The tasks, newest first; each frame is named by task and name.
        sample_of: Sample id by that name.
        older: Number of frames of each task that gave way to a newer task's.
        second: Number of frames of each task whose image an earlier one of it shows; what is on them is set aside.
    """

    contents: tuple[TaskContent, ...]
    sample_of: Mapping[str, str]
    older: Mapping[int, int]
    second: Mapping[int, int]


def to_read(mode: str, offered: Mapping[str, str], taken: Mapping[str, str]) -> list[str]:
    """Tasks that have to be read from the server.

    Args:
        mode: A `PullMode`.
        offered: When each task was changed last, by id.
        taken: The same at the time it was read.

    Returns:
        Their ids, in the order of `offered`.
    """
    if mode == PullMode.FORCE_REFRESH:
        return list(offered)
    if mode == PullMode.TASK_TRACKING:
        return [task for task, updated in offered.items() if taken.get(task) != updated]
    return [task for task in offered if task not in taken]


def looked_at(content: TaskContent) -> TaskContent:
    """The frames of a task that somebody has looked at.

    Those of finished jobs, and of open ones where something is drawn or the frame was deleted: an image that nobody
    got to is not an empty one. A frame of no annotation job belongs to the ground truth, which holds no labels.
    """
    done = {job.job_id for job in content.jobs if job.completed}
    frames = (frame for frame in content.frames if frame.job_id is not None)
    return replace(content, frames=tuple(f for f in frames if f.job_id in done or f.deleted or _drawn(f)))


def merge(contents: Iterable[TaskContent], samples: Mapping[int, Sequence[str]]) -> Merged:
    """Tasks together: an image that is in several keeps the frame of the newest, which is what people said last.

    Args:
        contents: Tasks, in any order.
        samples: Sample id of each frame number, by task.
    """
    merged: list[TaskContent] = []
    sample_of: dict[str, str] = {}
    older: dict[int, int] = {}
    for content in sorted(contents, key=lambda content: -content.task_id):
        known = set(sample_of.values())
        ids = samples[content.task_id]
        fresh = [frame for frame in content.frames if ids[frame.frame] not in known]
        named = [replace(frame, name=f"{content.task_id}/{frame.name}") for frame in _with_tracks(content, fresh)]
        sample_of |= {frame.name: ids[frame.frame] for frame in named}
        older[content.task_id] = len(content.frames) - len(fresh)
        merged.append(replace(content, frames=tuple(named)))
    second = {content.task_id: len(second_frames(content, sample_of)) for content in merged}
    return Merged(tuple(merged), sample_of, older, second)


def counts_in(whole: TaskContent, taken: TaskContent) -> bool:
    """Whether what counted of a task is what stands in the whole task, as it was read then and not later."""
    there = {frame.frame: frame for frame in whole.frames}
    return all(
        (now := there.get(frame.frame)) is not None
        and (now.shapes, now.tags, now.deleted) == (frame.shapes, frame.tags, frame.deleted)
        for frame in taken.frames
    )


def laid_in(whole: TaskContent, taken: TaskContent, edited: TaskContent) -> TaskContent:
    """A whole task with what was edited on those of its frames that count.

    Args:
        whole: The task as the server gave it.
        taken: What counted of it, as `merge` gives it.
        edited: The same, after it was edited.
    """
    frames = {frame.frame: frame for frame in edited.frames}
    tracks = {track["id"]: track for frame in edited.frames for track in frame.tracks}
    counted = {track["id"] for frame in taken.frames for track in frame.tracks}
    others = {track["id"]: track for f in whole.frames for track in f.tracks if track["id"] not in counted}
    everything = in_order((others | tracks).values())

    def laid(frame: AnnotatedFrame) -> AnnotatedFrame:
        new = frames.get(frame.frame, frame)
        here = tuple(track for track in everything if has_keyframe(track, frame.frame))
        return replace(frame, shapes=new.shapes, tags=new.tags, tracks=here)

    return replace(whole, frames=tuple(map(laid, whole.frames)))


def _with_tracks(content: TaskContent, kept: list[AnnotatedFrame]) -> list[AnnotatedFrame]:
    """The frames with every track that is seen on one of them: its keyframes may be on frames that gave way."""
    hung = {track["id"] for frame in kept for track in frame.tracks}
    lost = {track["id"]: track for frame in content.frames for track in frame.tracks if track["id"] not in hung}
    frames = list(kept)
    for track in lost.values():
        seen = (place for place, frame in enumerate(frames) if not frame.deleted and at(track, frame.frame) is not None)
        place = next(seen, None)
        if place is not None:
            frames[place] = replace(frames[place], tracks=(*frames[place].tracks, track))
    return frames


def _drawn(frame: AnnotatedFrame) -> bool:
    return bool(frame.shapes or frame.tags or frame.tracks)
