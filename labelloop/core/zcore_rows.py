"""The embeddings of a pool as ZCore needs them: checked, in an order of their own, and by dimension.

They are read block by block, because they may lie in a file that is larger than the memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from labelloop.core.paging import let_go
from labelloop.core.unit_vectors import refuse_not_finite
from labelloop.core.zcore_draws import mixed

Make = Callable[[tuple[int, int], DTypeLike], NDArray]

_BLOCK = 1 << 22  # values that are read at once
_KEPT = 1 << 25  # values after which pages of a file are given back


@dataclass(frozen=True, eq=False)
class PoolRows:
    """Rows of an array that are scored.

    Attributes:
        embeddings: (M, D), of any type of number, also in a file.
        rows: (N,) of its rows in canonical order, which follows from what is in them; equal rows by their number.
        places: (N,), which of the given rows each of these is.
        kind: float64 where the embeddings are, otherwise float32; distances are computed in it.
        kept: Dimensions that are looked at.
    """

    embeddings: NDArray
    rows: NDArray[np.intp]
    places: NDArray[np.intp]
    kind: np.dtype
    kept: NDArray[np.intp]

    @classmethod
    def read(cls, embeddings: NDArray, rows: NDArray[np.intp] | None, *, as_given: bool) -> "PoolRows":
        """Look at all that is scored once; `as_given`: in its own order, and with dimensions in which all coincide.

        Raises:
            LabelError: If a row holds NaN or infinity; names the rows.
        """
        rows = np.arange(len(embeddings)) if rows is None else np.asarray(rows, dtype=np.intp)
        kind = np.dtype(np.float64 if embeddings.dtype == np.float64 else np.float32)
        if not len(rows) or not embeddings.shape[1]:
            return cls(embeddings, rows, np.arange(len(rows)), kind, np.zeros(0, dtype=np.intp))
        keys, varying = _looked_at(embeddings, rows, kind)
        places = np.arange(len(rows)) if as_given else np.argsort(keys, kind="stable")
        kept = np.flatnonzero(varying | (as_given and varying.any()))
        return cls(embeddings, rows[places], places, kind, kept)

    def __len__(self) -> int:
        return len(self.rows)

    def columns(self, make: Make = np.empty) -> NDArray:
        """(d, N), one row for each dimension that is kept, in an array that `make` makes of a shape and a type."""
        columns = make((len(self.kept), len(self)), self.kind)
        all_of_them = len(self.kept) == self.embeddings.shape[1]
        for part, block in _blocks(self.embeddings, self.rows, self.kind, columns):
            columns[:, part] = block.T if all_of_them else block[:, self.kept].T
        return columns


def _looked_at(
    embeddings: NDArray, rows: NDArray[np.intp], kind: np.dtype
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """A number for each row that follows from what is in it, and which dimensions tell rows apart."""
    weights = mixed(np.arange(1, embeddings.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    keys, bits = np.empty(len(rows), dtype=np.uint64), np.dtype(f"u{kind.itemsize}")
    low = np.full(embeddings.shape[1], np.inf, dtype=kind)
    high, bad = -low, []
    for part, block in _blocks(embeddings, rows, kind):
        bad.extend(rows[part][~np.isfinite(block).all(axis=1)].tolist())
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
        np.add(block, kind.type(0), out=block)  # -0.0 becomes 0.0
        keys[part] = (block.view(bits) * weights).sum(axis=1)
    refuse_not_finite(np.sort(np.array(bad, dtype=np.intp)))
    return keys, low < high


def _blocks(
    embeddings: NDArray, rows: NDArray[np.intp], kind: np.dtype, *others: NDArray
) -> Iterator[tuple[slice, NDArray]]:
    """Copies of rows, block by block; pages of these and other arrays that lie in files are given back meanwhile."""
    step = max(_BLOCK // embeddings.shape[1], 1)
    since = 0
    for first in range(0, len(rows), step):
        block = np.ascontiguousarray(embeddings[rows[first : first + step]], dtype=kind)
        yield slice(first, first + len(block)), block
        since += block.size
        if since >= _KEPT:
            since = 0
            for array in (embeddings, *others):
                let_go(array)
