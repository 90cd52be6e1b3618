"""A batch while it is put together, and its manifest: one row for each image people will label, with the reason.

A manifest has the columns `rank, sample_id, source, score, reason`, rank 1 first. Scores compare within a source only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labelloop.core.unit_vectors import UnitVectors
from labelloop.core.vocabulary import Source

_AT_ONCE = 32  # times as fast a cosine is in a block as alone
MANIFEST_COLUMNS = ("rank", "sample_id", "source", "score", "reason")


@dataclass(frozen=True)
class Candidate:
    """A sample somebody proposes; higher scores are labelled sooner."""

    sample_id: str
    source: Source
    score: float
    reason: str


class Seen:
    """The vectors of what is labelled or picked, asked whether another image nearly equals one of them.

    Args:
        sample_ids: N ids.
        vectors: Their N vectors.
        labelled: (L, D) on the grid of `UnitVectors`.
        threshold: Cosine from which two images nearly equal each other, compared in millionths.
    """

    def __init__(
        self, sample_ids: Sequence[str], vectors: UnitVectors, labelled: NDArray[np.float64], threshold: float
    ) -> None:
        self._row_of = {sample_id: row for row, sample_id in enumerate(sample_ids)}
        self._vectors, self._threshold = vectors, np.rint(threshold * 1e6)
        self._labelled, self._asked = labelled, 0
        self._nearest: NDArray[np.float64] | None = None
        self._picked, self._count = np.empty((64, labelled.shape[1])), 0

    def holds_twin(self, sample_id: str) -> bool:
        """Whether it nearly equals one of them."""
        vector = self._vector(sample_id)
        cosine = (self._picked[: self._count] @ vector).max(initial=-1.0)
        if np.rint(cosine * 1e6) < self._threshold and len(self._labelled):
            cosine = self._with_labelled(sample_id, vector)
        return bool(np.rint(cosine * 1e6) >= self._threshold)

    def _with_labelled(self, sample_id: str, vector: NDArray[np.float64]) -> float:
        """Cosine with the nearest that is labelled.

        Most batches ask for few images. Who asks for many gets those of the whole pool at once, in blocks, from where
        that costs no more than what was asked so far.
        """
        self._asked += 1
        if self._asked * _AT_ONCE >= len(self._vectors) and self._nearest is None:
            self._nearest = self._vectors.nearest(self._labelled)
        if self._nearest is not None:
            return float(self._nearest[self._row_of[sample_id]])
        return float((self._labelled @ vector).max())

    def add(self, sample_id: str) -> None:
        """It was picked."""
        vector = self._vector(sample_id)
        if self._count == len(self._picked):
            self._picked = np.vstack([self._picked, np.empty_like(self._picked)])
        self._picked[self._count] = vector
        self._count += 1

    def _vector(self, sample_id: str) -> NDArray[np.float64]:
        row = self._row_of[sample_id]
        return np.asarray(self._vectors.rows(slice(row, row + 1))[0])


@dataclass
class Batch:
    """What was picked so far, in order; nothing is in it twice.

    Attributes:
        groups: Near-duplicate group by sample id; a sample without one is a group of its own.
        covered: Groups that need no member any more; grows with each pick.
        seen: Vectors of what is labelled or picked: an image that nearly equals one of them counts as its twin.
        picks: What was picked.
    """

    groups: Mapping[str, str]
    covered: set[str] = field(default_factory=set)
    seen: Seen | None = None
    picks: list[Candidate] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)

    def take(self, candidate: Candidate, *, twins: bool = False) -> bool:
        """Take a candidate, unless it is in already or, without `twins`, its like is covered."""
        group = self.groups.get(candidate.sample_id, candidate.sample_id)
        if candidate.sample_id in self._ids:
            return False
        if not twins and (group in self.covered or (self.seen and self.seen.holds_twin(candidate.sample_id))):
            return False
        if self.seen:
            self.seen.add(candidate.sample_id)
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
