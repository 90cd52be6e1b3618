"""Near-duplicates by the cosine of their embeddings: all pairs, exactly, in blocks of a matrix product.

What FiftyOne Brain's `compute_near_duplicates` finds, which centres the embeddings on their mean first: that is an
option here. Memory is one block, never N × N.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelloop.core.errors import LabelError
from labelloop.core.hashes import Groups, linked_groups

_ROWS, _COLUMNS = 1024, 8192  # of a block; small ones are slower
_SLACK = 1e-5  # wider than the rounding of a product in float32; what is so near the threshold is computed again


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


def near_duplicates(embeddings: ArrayLike, threshold: float, *, centre: bool = False) -> Pairs:
    """All pairs of rows whose cosine is at least the threshold.

    Args:
        embeddings: (N, D); a row of zeros resembles nothing.
        threshold: Least cosine, above 0.
        centre: Subtract the mean of all rows first, as FiftyOne does.

    Raises:
        LabelError: If the threshold is not between 0 and 1, or a row holds NaN or infinity.
    """
    if not 0 < threshold <= 1:
        raise LabelError(f"A threshold of {threshold} is not a cosine", "Choose one above 0 and at most 1.")
    unit = _unit_rows(np.asarray(embeddings), centre=centre)
    first, second, cosine = [], [], []
    for top in range(0, len(unit), _ROWS):
        rows = unit[top : top + _ROWS]
        narrow = rows.astype(np.float32)
        found = [_block(rows, narrow, unit, start, threshold) for start in range(top, len(unit), _COLUMNS)]
        a, b, c = (np.concatenate(parts) for parts in zip(*found, strict=True))
        upper = np.flatnonzero(a + top < b)
        order = upper[np.lexsort([b[upper], a[upper]])]
        first.append(a[order] + top)
        second.append(b[order])
        cosine.append(c[order])
    empty = np.zeros(0, dtype=np.intp)
    return Pairs(
        np.concatenate([empty, *first]), np.concatenate([empty, *second]), np.concatenate([np.zeros(0), *cosine])
    )


def near_duplicate_groups(pairs: Pairs, sample_ids: Sequence[str]) -> Groups:
    """Name of each sample's group, (N,): the smallest id among those linked with it, also by a chain of pairs."""
    return linked_groups(pairs.first, pairs.second, sample_ids)


def _block(
    rows: NDArray[np.float64], narrow: NDArray[np.float32], unit: NDArray[np.float64], start: int, threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Pairs of some rows with a block of columns; a product in float32 tells which to look at in float64."""
    likely = narrow @ unit[start : start + _COLUMNS].astype(np.float32).T >= threshold - _SLACK
    first, second = np.nonzero(likely)
    cosine = np.empty(len(first))
    for part in range(0, len(first), _COLUMNS):
        piece = slice(part, part + _COLUMNS)
        cosine[piece] = np.einsum("ij,ij->i", rows[first[piece]], unit[start + second[piece]])
    # Twins must reach a threshold of 1 whatever the last bits say.
    sure = np.flatnonzero(np.rint(cosine * 1e9) >= np.rint(threshold * 1e9))
    return first[sure], second[sure] + start, cosine[sure]


def _unit_rows(rows: NDArray, *, centre: bool) -> NDArray[np.float64]:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1)) if rows.size else np.zeros(0, dtype=int)
    if len(bad):
        named = ", ".join(map(str, bad[:10])) + (", …" if len(bad) > 10 else "")
        raise LabelError(f"{len(bad)} embeddings hold NaN or infinity: rows {named}", "Compute the embeddings again.")
    wide = rows.astype(np.float64)
    if centre and len(wide):
        wide -= wide.mean(axis=0)
    norm = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(np.divide(wide, norm, out=np.zeros_like(wide), where=norm > 0))
