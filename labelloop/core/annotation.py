"""What travels to an annotation server and back, as small frozen values.

Frames carry shapes as the server gave them (`points` absolute pixels, attributes as strings): the lossless
original. Boxes, the projection that training uses, are made from them by `core.label_version`.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

RawShape = Mapping[str, Any]
PLAIN = frozenset({type(None), str, int, float, bool})
NUMBERED, UNNUMBERED = frozenset({"id", "label"}), frozenset({"id"})  # what counts for nothing in a shape


@dataclass(frozen=True)
class UploadImage:
    """An image on its way to a task: `upload_name` is unique within the task and maps back to `sample_id`."""

    sample_id: str
    path: Path
    upload_name: str


@dataclass(frozen=True)
class TaskSpec:
    """A task to be found by `key` or created; the key is stable over repetitions and lost state."""

    key: str
    name: str
    subset: str
    images: tuple[UploadImage, ...]
    segment_size: int
    image_quality: int
    overlap: int = 0  # images that a job shares with the one before it
    sorting: str = "predefined"  # the order of `images`; or natural, lexicographical, random


@dataclass(frozen=True)
class TaskRef:
    """A task that exists on the server and was read back: every image is a frame of it."""

    task_id: int
    key: str
    name: str
    url: str
    size: int
    job_ids: tuple[int, ...]
    frame_of: Mapping[str, int]  # upload name -> frame number, read from the server


@dataclass(frozen=True)
class TaskProgress:
    """How far people are with a task; `found` is False when it was deleted on the server.

    A batch in the App is one task, and its jobs are its images; `unit` says what is counted.
    """

    task_id: int
    name: str
    url: str
    found: bool
    jobs_total: int
    jobs_completed: int
    completed: bool  # every annotation job is in stage acceptance, state completed
    updated: str  # the server's time stamp of the last change
    unit: str = "jobs"

    @property
    def told(self) -> str:
        """How far people are, in words."""
        return f"{self.jobs_completed} of {self.jobs_total} {self.unit}"


@dataclass(frozen=True)
class AnnotatedFrame:
    """One frame of a task with all that people drew on it, as the server gave it."""

    frame: int
    name: str
    width: int
    height: int
    deleted: bool
    job_id: int | None
    shapes: tuple[RawShape, ...]  # each with `label` (name) beside the server's own keys
    tags: tuple[RawShape, ...]
    tracks: tuple[RawShape, ...]  # tracks that have a keyframe here; whole tracks, not cut


@dataclass(frozen=True)
class JobNote:
    """Who works on a job, as far as the server tells, when it was changed last, and whether it is done."""

    job_id: int
    annotator: str
    updated: str
    completed: bool


@dataclass(frozen=True)
class TaskContent:
    """The content of a task at one moment; `project_id` and `jobs` say where it comes from, and count for nothing."""

    task_id: int
    name: str
    subset: str
    url: str
    frames: tuple[AnnotatedFrame, ...]
    project_id: int | None = None
    jobs: tuple[JobNote, ...] = field(default=(), compare=False)

    @cached_property
    def revision(self) -> str:
        """Hash of frames, deleted frames and shapes: equal exactly when nothing that counts has changed.

        Saving the same boxes again gives them new ids, and may list them in another order; neither counts. A label
        that got another name on the server has its id still, and is the same label.
        """
        return content_hash([_what_counts(vars(frame)) for frame in self.frames])

    def to_dict(self) -> dict[str, Any]:
        """The content as JSON-like values; the shapes are not copied, of which there are many."""
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return fields | {
            "frames": [dict(vars(frame)) for frame in self.frames],
            "jobs": [dict(vars(job)) for job in self.jobs],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "TaskContent":
        """What `to_dict` made, read back from JSON."""
        frames = tuple(AnnotatedFrame(**_tuples(frame)) for frame in plain["frames"])
        jobs = tuple(JobNote(**job) for job in plain.get("jobs", ()))
        return cls(**{**plain, "frames": frames, "jobs": jobs})


def _what_counts(frame: Mapping[str, Any]) -> dict[str, Any]:
    drawn = {kind: sorted(map(content_hash, map(_without_ids, frame[kind]))) for kind in ("shapes", "tags", "tracks")}
    return {**frame, **drawn}


def _without_ids(item: Any) -> Any:
    """The item without the ids that the server gave it and its parts, and without the name of a label with an id."""
    if type(item) in PLAIN:
        return item  # most of it by far
    if isinstance(item, Mapping):
        idle = NUMBERED if "label_id" in item else UNNUMBERED
        return {
            key: value if type(value) in PLAIN else _without_ids(value)
            for key, value in item.items()
            if key not in idle
        }
    if not isinstance(item, (list, tuple)) or PLAIN.issuperset(map(type, item)):
        return item
    return [_without_ids(value) for value in item]


# Made once: `json.dumps` makes one for each value that is not written as it would write it itself.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False, default=str
)


def _tuples(frame: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has lists where the frozen values have tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in frame.items()}


def content_hash(value: Any) -> str:
    """Short hash of a JSON-like value, the same in every process and for any order of keys."""
    return hashlib.sha256(_ENCODER.encode(value).encode()).hexdigest()[:16]
