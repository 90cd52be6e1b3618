"""Near-duplicates by the cosine of their embeddings: all pairs, exactly, in blocks of a matrix product.

What FiftyOne Brain's `compute_near_duplicates` finds, which centres the embeddings on their mean first: that is an
option here. Memory is one block and what is found, never N × N; who asks for groups alone does not hold the pairs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelloop.core.directions import Directions, mean_of, pair_cosines, parts
from labelloop.core.errors import LabelError
from labelloop.core.hashes import Groups, Links, linked_groups
from labelloop.core.shadows import shadows, slack

_ROWS, _COLUMNS = 1024, 4096  # of a block; small ones are slower
_SPARSE = 256  # of so many pairs shadows may leave one, or the whole product is faster
_PATIENCE = 4  # blocks in which shadows may have told too little before nobody looks at them any more


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of near-duplicates.

    Attributes:
        first: (P,) rows, ascending.
        second: (P,) rows, each above its partner in `first`, ascending for each of those.
        cosine: (P,) float64.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    cosine: NDArray[np.float64]


def near_duplicates(embeddings: ArrayLike, threshold: float, *, centre: bool | ArrayLike = False) -> Pairs:
    """All pairs of rows whose cosine is at least the threshold.

    Args:
        embeddings: (N, D); a row of zeros resembles nothing.
        threshold: Least cosine, above 0.
        centre: Subtract the mean of all rows first, as FiftyOne does, or a given point (D,).

    Raises:
        LabelError: If the threshold is not between 0 and 1, or a row holds NaN or infinity.
    """
    rows = directions(embeddings, centre)
    empty = np.zeros(0, dtype=np.intp)
    found = [(empty, empty), *near_links(rows, threshold)]
    first, second = (np.concatenate(each) for each in zip(*found, strict=True))
    return Pairs(first, second, pair_cosines(rows, first, rows, second))


def near_links(rows: Directions, threshold: float) -> Iterator[Links]:
    """The same pairs without their cosines, block by block and in order."""
    require_cosine(threshold)
    look = _Look(rows, threshold, shadows(rows))
    for top in parts(len(rows), _ROWS):
        found = [look.at(top, columns) for columns in parts(len(rows), _COLUMNS, top.start)]
        first, second = (np.concatenate(each) for each in zip(*found, strict=True))
        upper = np.flatnonzero(first < second)
        order = upper[np.argsort(first[upper], kind="stable")]
        yield first[order], second[order]


@dataclass
class _Look:
    """Pairs of a block: by shadows of the rows, or by the rows where shadows tell too little.

    Attributes:
        rows: All rows.
        threshold: Least cosine.
        shadows: Of all rows; None: without.
    """

    rows: Directions
    threshold: float
    shadows: NDArray[np.float32] | None
    _in_vain: int = 0

    def at(self, top: slice, columns: slice) -> Links:
        """Some of the rows with others."""
        likely = self._likely(top, columns)
        if likely is None:
            product = self.rows.narrow(top) @ self.rows.narrow(columns).T
            return block_links(self.rows, product, top, columns, self.threshold)
        first, second = likely
        near = _reach(pair_cosines(self.rows, first, self.rows, second), self.threshold)
        return first[near], second[near]

    def _likely(self, top: slice, columns: slice) -> Links | None:
        """Pairs that may be near; None where shadows leave too many, and for good where they mostly do."""
        if self.shadows is None or self._in_vain > _PATIENCE:
            return None
        product = self.shadows[top] @ self.shadows[columns].T
        found = np.flatnonzero(product >= np.float32(self.threshold - 2 * slack()))
        if len(found) * _SPARSE > product.size:
            self._in_vain += 1
            return None
        self._in_vain = max(self._in_vain - 1, 0)
        first, second = np.divmod(found, product.shape[1])
        first, second = first + top.start, second + columns.start
        upper = first < second
        return first[upper], second[upper]


def block_links(
    rows: Directions, product: NDArray[np.float32], top: slice | NDArray[np.intp],
    columns: slice | NDArray[np.intp], threshold: float,
) -> Links:  # fmt: skip
    """Pairs in a block of a product in float32: those near the threshold are computed again in float64.

    Args:
        rows: All rows.
        product: Of the narrow rows `top` with the narrow rows `columns`.
        top: Which rows they are.
        columns: Which columns they are.
        threshold: Least cosine.

    Returns:
        The row and the column of each pair; a row is no pair with itself.
    """
    one, other = np.divmod(np.flatnonzero(product >= np.float32(threshold - 2 * rows.slack)), product.shape[1])
    unsure = product[one, other] < threshold + 2 * rows.slack
    first, second = _rows_at(top, one), _rows_at(columns, other)
    kept = first != second
    doubtful = np.flatnonzero(kept & unsure)
    kept[doubtful] = _reach(pair_cosines(rows, first[doubtful], rows, second[doubtful]), threshold)
    return first[kept], second[kept]


def near_duplicate_groups(pairs: Pairs | Iterable[Links], sample_ids: Sequence[str]) -> Groups:
    """Name of each sample's group, (N,): the smallest id among those linked with it, also by a chain of pairs.

    The sample of that id represents the group.

    Args:
        pairs: Pairs, or blocks of links.
        sample_ids: N ids.
    """
    return linked_groups([(pairs.first, pairs.second)] if isinstance(pairs, Pairs) else pairs, sample_ids)


def directions(embeddings: ArrayLike, centre: bool | ArrayLike = False) -> Directions:
    """Rows whose cosines are asked for; `centre`: see `near_duplicates`.

    Raises:
        LabelError: If a row holds NaN or infinity.
    """
    if isinstance(centre, bool):
        return Directions(embeddings, mean_of(embeddings) if centre else None)
    return Directions(embeddings, np.asarray(centre, dtype=np.float64))


def require_cosine(threshold: float) -> None:
    """Refuse a threshold that is no cosine above 0.

    Raises:
        LabelError: Says which it is.
    """
    if not 0 < threshold <= 1:
        raise LabelError(f"A threshold of {threshold} is not a cosine", "Choose one above 0 and at most 1.")


def _reach(cosine: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    # Twins must reach a threshold of 1 whatever the last bits say.
    return np.asarray(np.rint(cosine * 1e9) >= np.rint(threshold * 1e9))


def _rows_at(block: slice | NDArray[np.intp], places: NDArray[np.intp]) -> NDArray[np.intp]:
    return places + block.start if isinstance(block, slice) else block[places]
