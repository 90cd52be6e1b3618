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
from labelloop.core.shadows import Sieve

_ROWS, _COLUMNS = 1024, 4096  # of a block; small ones are slower
_SPARSE = 256  # of so many pairs shadows may leave one, or the whole product is faster


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
    sieve = Sieve.over(rows, _SPARSE)
    for top in parts(len(rows), _ROWS):
        found = [
            _links_between(rows, sieve, top, columns, threshold) for columns in parts(len(rows), _COLUMNS, top.start)
        ]
        first, second = (np.concatenate(each) for each in zip(*found, strict=True))
        upper = np.flatnonzero(first < second)
        order = upper[np.argsort(first[upper], kind="stable")]
        yield first[order], second[order]


def _links_between(rows: Directions, sieve: Sieve, top: slice, columns: slice, threshold: float) -> Links:
    """Pairs of a block: by shadows of the rows, or by the rows where shadows tell too little."""
    likely = sieve.left(lambda: sieve.own(top), columns, threshold - rows.slack)
    if likely is None:
        return block_links(rows, rows.narrow(top) @ rows.narrow(columns).T, top, columns, threshold)
    first, second = likely[0] + top.start, likely[1] + columns.start
    upper = np.flatnonzero(first < second)
    first, second = first[upper], second[upper]
    near = _reach(pair_cosines(rows, first, rows, second), threshold)
    return first[near], second[near]


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
