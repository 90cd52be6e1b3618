"""What people drew in a task, one value for each shape, tag and track, whichever frames a track runs through."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from labelloop.core.annotation import AnnotatedFrame, RawShape, TaskContent
from labelloop.core.errors import LabelError
from labelloop.core.schema import Schema
from labelloop.core.tracks import at
from labelloop.core.vocabulary import Quarantine

TAG, TRACK, RECTANGLE = "tag", "track", "rectangle"


@dataclass(frozen=True)
class Drawn:
    """A shape, tag or track, and where it was drawn; `type` is the server's shape type, `tag` or `track`.

    `is_second` is whether it is on a frame whose image an earlier one of its task shows.
    """

    sample_id: str
    task_id: int
    frame: AnnotatedFrame
    type: str
    raw: RawShape
    is_second: bool = False

    @property
    def removed(self) -> bool:
        """Whether it went with its frame."""
        return self.frame.deleted

    def is_of_image(self, image_classes: Collection[str]) -> bool:
        """Whether it says something about the whole image, in a class for that."""
        return self.type == TAG and self.raw["label"] in image_classes and not self.is_second

    def objection(self, schema: Schema) -> Quarantine | None:
        """Why it cannot become a box; None for an upright, visible rectangle of a known class."""
        if self.is_second:
            return Quarantine.SECOND_FRAME
        if schema.current(self.raw["label"]) not in schema.classes:
            return Quarantine.UNKNOWN_CLASS
        upright = not self.raw.get("rotation", 0.0) % 360.0
        visible = not self.raw.get("outside", False)
        return None if self.type == RECTANGLE and upright and visible else Quarantine.UNSUPPORTED_SHAPE


def drawn_in(
    content: TaskContent, sample_of: Mapping[str, str], second: Collection[int] | None = None
) -> Iterator[Drawn]:
    """Everything drawn in a task; a track counts once, on the first frame where it is seen.

    A track that is never seen is where its first keyframe is, on a frame that was not deleted if there is one.

    Args:
        content: The task.
        sample_of: Sample id by upload name.
        second: Its `second_frames`, where they are known already.
    """
    second = second_frames(content, sample_of) if second is None else second
    for frame in content.frames:
        place, is_second = (sample_of[frame.name], content.task_id, frame), frame.frame in second
        yield from (Drawn(*place, shape["type"], shape, is_second) for shape in frame.shapes)
        yield from (Drawn(*place, TAG, tag, is_second) for tag in frame.tags)
    tracks: dict[int, Drawn] = {}
    for frame in sorted(content.frames, key=lambda each: (each.deleted, each.frame)):
        for track in frame.tracks:
            tracks.setdefault(track["id"], Drawn(sample_of[frame.name], content.task_id, frame, TRACK, track))
    for each in tracks.values():
        seen = sorted(seen_on(content, each.raw), key=lambda frame: frame.frame in second)
        frame = seen[0] if seen else each.frame
        yield replace(each, sample_id=sample_of[frame.name], frame=frame, is_second=frame.frame in second)


def seen_on(content: TaskContent, track: RawShape) -> Iterator[AnnotatedFrame]:
    """The frames of a task on which the object of a track is seen, between its keyframes too; deleted ones left out."""
    return (frame for frame in content.frames if not frame.deleted and at(track, frame.frame) is not None)


def second_frames(content: TaskContent, sample_of: Mapping[str, str]) -> set[int]:
    """Numbers of the frames of a task whose image an earlier one shows as well; only the earlier one counts.

    The same file may be in a task twice, under two names. Deleted frames are not looked at: what is left counts.
    """
    live = sorted((frame for frame in content.frames if not frame.deleted), key=lambda frame: frame.frame)
    first: dict[str, int] = {}
    return {f.frame for f in live if first.setdefault(sample_of.get(f.name, f.name), f.frame) != f.frame}


def received(contents: Iterable[TaskContent]) -> Counter[str]:
    """Number of shapes, tags and tracks by type, counted on what the server sent and nothing else."""
    counts: Counter[str] = Counter()
    for content in contents:
        counts.update(shape["type"] for frame in content.frames for shape in frame.shapes)
        counts[TAG] += sum(len(frame.tags) for frame in content.frames)
        counts[TRACK] += len({track["id"] for frame in content.frames for track in frame.tracks})
    return +counts


def unknown_labels(contents: Iterable[TaskContent], schema: Schema, image_classes: Collection[str]) -> list[str]:
    """Names of labels that are no class, sorted: under another name what they say would count."""
    items = (item for content in contents for f in content.frames for item in (*f.shapes, *f.tags, *f.tracks))
    names = {str(item["label"]) for item in items}
    return sorted(name for name in names - set(image_classes) if schema.current(name) not in schema.classes)


def refuse_strangers(contents: Sequence[TaskContent], sample_of: Mapping[str, str]) -> None:
    """Every frame must be one sample's, and no sample may have been labelled in two tasks.

    Raises:
        LabelError: If that is not so; names the frames.
    """
    frames = [(content.task_id, frame) for content in contents for frame in content.frames]
    strange = [f"{frame.name} (task {task_id})" for task_id, frame in frames if frame.name not in sample_of]
    if strange:
        raise LabelError(
            f"{len(strange)} frames belong to no sample: {', '.join(strange)}",
            "They were added on the server: delete these frames there, or pull their task as a source.",
        )
    live = ({sample_of[frame.name] for frame in content.frames if not frame.deleted} for content in contents)
    labelled = Counter(sample_id for sample_ids in live for sample_id in sample_ids)
    twice = sorted(sample_id for sample_id, count in labelled.items() if count > 1)
    if twice:
        raise LabelError(
            f"{len(twice)} samples have two frames each: {', '.join(twice)}", "Delete one of the frames on the server."
        )
