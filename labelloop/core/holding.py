"""What each job of a task holds by itself: a rewriting that broke off between two jobs is known by it.

Read through the task, a frame of two jobs does not tell which of them holds what.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from labelloop.core.annotation import RawShape, TaskContent, content_hash
from labelloop.core.carried import Said, plain, said_of

Drawn = Mapping[str, Sequence[RawShape]]  # tags, shapes and tracks


@dataclass(frozen=True)
class Holding:
    """What is drawn in each job of a task, with names beside numbers, and the names of the deleted frames."""

    jobs: Mapping[int, Drawn]
    deleted: frozenset[str]

    @property
    def items(self) -> Iterator[RawShape]:
        """All that is drawn."""
        return (item for drawn in self.jobs.values() for items in drawn.values() for item in items)

    def to_dict(self) -> dict[str, Any]:
        """The holding as JSON-like values."""
        return {"jobs": {str(job): dict(drawn) for job, drawn in self.jobs.items()}, "deleted": sorted(self.deleted)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Holding":
        """What `to_dict` made, read back from JSON."""
        return cls({int(job): drawn for job, drawn in plain["jobs"].items()}, frozenset(plain["deleted"]))


def deleted_in(content: TaskContent) -> frozenset[str]:
    """Names of the frames of a task that are deleted."""
    return frozenset(frame.name for frame in content.frames if frame.deleted)


def is_made_of(parts: Sequence[Holding], now: Holding, names: Mapping[int, str]) -> bool:
    """Whether each job of a task holds exactly what it does in one of the parts, and its deleted frames are one's.

    So it is while jobs are written one after another, from what they held to what they are to hold. Something more or
    something less in any of them was done by people. An attribute that a part knows nothing of does not count: it got
    its default when it was added in CVAT.

    Args:
        parts: What the task held, and what it was to hold.
        now: What it holds.
        names: Name of each of its frames.
    """
    told = [(part, {said for item in part.items for said in said_of(item)}) for part in parts]
    return any(part.deleted == now.deleted for part in parts) and all(
        any(_counted(part.jobs.get(job, {}), names, said) == _counted(drawn, names, said) for part, said in told)
        for job, drawn in now.jobs.items()
    )


def _counted(drawn: Drawn, names: Mapping[int, str], only: Set[Said]) -> Counter[str]:
    return Counter(content_hash([kind, plain(item, names, only)]) for kind, items in drawn.items() for item in items)
