"""What a query strategy is asked, and what all of them share on the way to a manifest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labelloop.core.batch import Candidate
from labelloop.core.errors import MissingStateError
from labelloop.core.selection import Failures, Mix, Pool, topped_up
from labelloop.core.unit_vectors import UnitVectors


@dataclass(frozen=True, eq=False)
class Query:
    """Which images next?

    Attributes:
        pool: What may be selected, and what is labelled.
        mix: Size and parts of the batch.
        failures: Images the newest model failed on; None before the first model.
        predictions: What the newest model predicts on the pool (labels frame with `score`); None where there is none.
        class_counts: Labelled images that show each class, for every class that a batch should hold.
    """

    pool: Pool
    mix: Mix
    failures: Failures | None = None
    predictions: pd.DataFrame | None = None
    class_counts: Mapping[str, int] = field(default_factory=dict)

    def in_order(self) -> "Query":
        """The same query, its rows ordered by sample id, so that their order decides nothing."""
        return replace(self, pool=self.pool.in_order())

    @cached_property
    def vectors(self) -> UnitVectors:
        """Embeddings of the pool."""
        return UnitVectors(self.pool.embeddings)

    @cached_property
    def labelled(self) -> NDArray[np.float64]:
        """Embeddings of what is labelled, (L, D) on the grid of `vectors`."""
        return self.pool.labelled_rows()

    @cached_property
    def ids(self) -> list[str]:
        """Sample ids of the pool."""
        return [str(sample_id) for sample_id in self.pool.zcore.index]

    def predicted(self) -> pd.DataFrame:
        """Predictions on the pool.

        Raises:
            MissingStateError: If there are none.
        """
        if self.predictions is None:
            raise MissingStateError("The pool has no predictions yet", "Run the job label_loop for an iteration first.")
        return self.predictions[self.predictions["sample_id"].isin(self.pool.zcore.index)].reset_index(drop=True)

    def manifest(self, candidates: Iterable[Candidate]) -> pd.DataFrame:
        """Manifest of the first candidates whose like is not covered; where they run out, coverage fills the quota."""
        batch = self.pool.batch()
        batch.fill(candidates, self.mix.budget)
        return topped_up(batch, self.pool, self.mix.budget)


class Openings:
    """Rows of a pool that may still be proposed: none twice, none whose like is covered."""

    def __init__(self, pool: Pool) -> None:
        names = [pool.groups.get(sample_id, sample_id) for sample_id in pool.zcore.index]
        self.mask = np.array([name not in pool.covered for name in names], dtype=bool)
        self._group = np.unique(np.array(names, dtype=object), return_inverse=True)[1]
        self._twin = np.rint(pool.twin_cosine * 1e6) if pool.twin_cosine else np.inf

    def best(self, priority: NDArray[np.float64]) -> int | None:
        """The open row of the highest priority, ties to the lower row; None when no row is open."""
        if not self.mask.any():
            return None
        return int(np.where(self.mask, priority, -np.inf).argmax())

    def take(self, row: int) -> None:
        """A row was proposed: it and its group are closed."""
        self.mask[self._group == self._group[row]] = False

    def close_twins(self, cosine: NDArray[np.float64]) -> None:
        """Close rows that nearly equal what is covered, given their cosine with the nearest of that."""
        self.mask &= np.rint(cosine * 1e6) < self._twin
