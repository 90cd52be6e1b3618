"""How near every image of a pool is to what is labelled or chosen, kept up to date pick by pick."""

import numpy as np
from numpy.typing import NDArray

from labelloop.core.strategies.query import Query

_AHEAD = 32  # rows whose cosines are computed in one pass over the pool: the next picks are likely among them


class Nearest:
    """Cosine of each row of the pool with the nearest labelled or chosen image; -1 where there is none.

    A pass over the pool is bound by memory, so it serves the row that was picked and those that come next by priority.
    That changes how long it takes, never the result: cosines of `UnitVectors` do not depend on the block.
    """

    def __init__(self, query: Query) -> None:
        self._vectors = query.vectors
        self.cosine = self._vectors.nearest(query.labelled)
        self._columns: dict[int, NDArray[np.float64]] = {}

    @property
    def distance(self) -> NDArray[np.float64]:
        """1 - cosine, from 0 (a twin is covered) to 2."""
        return 1.0 - self.cosine

    def cover(self, row: int, priority: NDArray[np.float64]) -> None:
        """A row was chosen; `priority` (N,) tells which may come next."""
        if row not in self._columns:
            count = min(_AHEAD, len(priority))
            likely = np.argpartition(-priority, count - 1)[:count]
            kept = {each: self._columns[each] for each in likely.tolist() if each in self._columns}
            rows = np.array(sorted({row, *likely.tolist()} - kept.keys()), dtype=np.intp)
            columns = self._vectors.cosines(self._vectors.rows(rows)).T
            self._columns = kept | dict(zip(rows.tolist(), columns, strict=True))
        np.maximum(self.cosine, self._columns.pop(row), out=self.cosine)
