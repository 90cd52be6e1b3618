"""Cosines that are the same to the last bit on every machine, whatever the blocks, the threads and the order of rows.

A greedy choice compares many nearly equal numbers, and matrix products round differently with the shape of a block. So
the components of unit vectors are rounded to whole 2^-26 first: then every product and every partial sum of a cosine is
a whole number of 2^-52 below 2, which float64 holds exactly. A cosine is off by at most √D · 2^-26, typically 1e-8,
which is what is left of float32 vectors anyway.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelloop.core.errors import LabelError

_GRID = 2.0**26
_ROWS = 512  # of a block: 2 MB with 512 dimensions, which stay near the processor

Rows = NDArray[np.float64]


def refuse_not_finite(rows: NDArray[np.intp]) -> None:
    """Refuse embeddings that hold NaN or infinity.

    Args:
        rows: Their rows, ascending; none is fine.

    Raises:
        LabelError: If there are any; names the first ten.
    """
    if len(rows):
        named = ", ".join(map(str, rows[:10])) + (", …" if len(rows) > 10 else "")
        raise LabelError(f"{len(rows)} embeddings hold NaN or infinity: rows {named}", "Compute the embeddings again.")


def on_grid(rows: Rows) -> Rows:
    """Rows (M, D) of any length as unit vectors on the grid."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.rint(np.divide(rows * _GRID, length, out=np.zeros_like(rows), where=length > 0)) / _GRID)


class UnitVectors:
    """Vectors (N, D) of any length, read in blocks as unit vectors on a grid; a row of zeros stays zeros.

    Raises:
        LabelError: If a row holds NaN or infinity; names the rows.
    """

    def __init__(self, rows: ArrayLike) -> None:
        self._rows = np.asarray(rows)
        lengths = [np.linalg.norm(self._wide(part), axis=1) for part in self._parts()]
        length = np.concatenate([np.zeros(0), *lengths])
        refuse_not_finite(np.flatnonzero(~np.isfinite(length)))
        self._scale = np.divide(_GRID, length, out=np.zeros_like(length), where=length > 0)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, which: slice | NDArray[np.intp]) -> Rows:
        """Some rows on the grid, (M, D)."""
        wide = self._wide(which)
        wide *= self._scale[which, None]
        np.rint(wide, out=wide)
        wide *= 1 / _GRID
        return wide

    def blocks(self) -> Iterator[tuple[slice, Rows]]:
        """All rows on the grid, block by block."""
        for part in self._parts():
            yield part, self.rows(part)

    def cosines(self, others: Rows) -> Rows:
        """Cosine of each row with each of `others` (M, D) on the grid: (N, M)."""
        result = np.empty((len(self), len(others)))
        for part, rows in self.blocks():
            np.matmul(rows, others.T, out=result[part])
        return result

    def nearest(self, others: Rows) -> Rows:
        """Cosine of each row with the nearest of `others` (M, D), (N,); -1 where there are none."""
        result = np.full(len(self), -1.0)
        for part, rows in self.blocks():
            for start in range(0, len(others), _ROWS):
                np.maximum(result[part], (rows @ others[start : start + _ROWS].T).max(axis=1), out=result[part])
        return result

    def closest(self, others: Rows) -> NDArray[np.intp]:
        """Number of the nearest of `others` (M, D) for each row, (N,); ties go to the first."""
        found = [(rows @ others.T).argmax(axis=1) for _, rows in self.blocks()]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.intp)

    def centre(self) -> Rows:
        """Direction of the mean of all rows, (D,) on the grid."""
        total = np.zeros((1, np.shape(self._rows)[1]))
        for _, rows in self.blocks():
            total += rows.sum(axis=0)
        return np.asarray(on_grid(total)[0])

    def sample(self, count: int, rng: np.random.Generator) -> Rows:
        """`count` rows drawn without repetition, in their order; all where there are no more."""
        if len(self) <= count:
            return self.rows(slice(None))
        return self.rows(np.sort(rng.choice(len(self), count, replace=False)))

    def _parts(self) -> Iterator[slice]:
        return (slice(start, start + _ROWS) for start in range(0, len(self._rows), _ROWS))

    def _wide(self, which: slice | NDArray[np.intp]) -> Rows:
        return np.array(self._rows[which], dtype=np.float64, order="C")
