"""A batch while it is put together, and its manifest: one row for each image people will label, with the reason.

A manifest has the columns `rank, sample_id, source, score, reason`, rank 1 first. Scores compare within a source only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from labelloop.core.vocabulary import Source

MANIFEST_COLUMNS = ("rank", "sample_id", "source", "score", "reason")


@dataclass(frozen=True)
class Candidate:
    """A sample somebody proposes; higher scores are labelled sooner."""

    sample_id: str
    source: Source
    score: float
    reason: str


@dataclass
class Batch:
    """What was picked so far, in order; nothing is in it twice.

    Attributes:
        groups: Near-duplicate group by sample id; a sample without one is a group of its own.
        covered: Groups that need no member any more; grows with each pick.
        picks: What was picked.
    """

    groups: Mapping[str, str]
    covered: set[str] = field(default_factory=set)
    picks: list[Candidate] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    def take(self, candidate: Candidate, *, twins: bool = False) -> bool:
        """Take a candidate, unless it is in already or, without `twins`, its group is covered."""
        group = self.groups.get(candidate.sample_id, candidate.sample_id)
        if candidate.sample_id in self._ids or (group in self.covered and not twins):
            return False
        self.picks.append(candidate)
        self._ids.add(candidate.sample_id)
        self.covered.add(group)
        return True

    def fill(self, candidates: Iterable[Candidate], size: int, *, twins: bool = False) -> None:
        """Take candidates in their order until the batch holds `size`."""
        for candidate in candidates:
            if len(self.picks) >= size:
                return
            self.take(candidate, twins=twins)

    def take_turns(self, queues: Iterable[Iterator[Candidate]], size: int) -> None:
        """Take one candidate of each queue in turn until the batch holds `size` or all queues are dry."""
        waiting = list(queues)
        while waiting:
            alive = []
            for queue in waiting:
                if len(self.picks) >= size:
                    return
                if any(self.take(candidate) for candidate in queue):  # goes on to the first that can be taken
                    alive.append(queue)
            waiting = alive

    def manifest(self) -> pd.DataFrame:
        """The manifest of what was picked."""
        return manifest_of(self.picks)


def manifest_of(picks: Sequence[Candidate]) -> pd.DataFrame:
    """Manifest of candidates in the order of their rank."""
    rows = [(rank, pick.sample_id, str(pick.source), pick.score, pick.reason) for rank, pick in enumerate(picks, 1)]
    return pd.DataFrame(rows, columns=list(MANIFEST_COLUMNS))
