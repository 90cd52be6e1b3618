"""Nearest neighbours by cosine similarity, block by block, so that memory does not grow with Q × N."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_QUERIES = 512  # queries compared at once; with 4096 corpus rows a block takes 16 MB
_UNIT = 10**9  # similarities are compared in billionths: what is left of rounding noise is smaller
_LOW = (1 << 32) - 1

Neighbours = tuple[NDArray[np.intp], NDArray[np.float64]]


def top_k(queries: ArrayLike, corpus: ArrayLike, k: int, chunk: int = 4096) -> Neighbours:
    """The `k` rows of `corpus` most similar to each query, best first; ties go to the lower row.

    Similarities are rounded to billionths before they are compared. Matrix products differ in their last bits with
    the shape of the block, and exact twins must tie whatever block they fall into.

    Args:
        queries: (Q, D).
        corpus: (N, D); a row of zeros is similar to nothing (0).
        k: Neighbours for each query; at most N are returned.
        chunk: Rows of `corpus` compared at once.

    Returns:
        Indices into `corpus` (Q, min(k, N)) and cosines of the same shape.
    """
    asked, stored = _unit_rows(np.asarray(queries)), np.asarray(corpus)
    count = min(k, len(stored))
    if not count:
        return np.zeros((len(asked), 0), dtype=np.intp), np.zeros((len(asked), 0))
    blocks = [
        _best_keys(asked[start : start + _QUERIES], stored, count, chunk) for start in range(0, len(asked), _QUERIES)
    ]
    keys = np.concatenate(blocks) if blocks else np.zeros((0, count), dtype=np.int64)
    return (_LOW - (keys & _LOW)).astype(np.intp), (keys >> 32) / _UNIT


def _best_keys(asked: NDArray[np.float64], stored: NDArray, count: int, chunk: int) -> NDArray[np.int64]:
    """The largest keys (similarity in the high half, reversed index in the low half), descending, (Q, count)."""
    best = np.zeros((len(asked), 0), dtype=np.int64)
    for start in range(0, len(stored), chunk):
        cosine = asked @ _unit_rows(stored[start : start + chunk]).T
        index = np.arange(start, start + cosine.shape[1], dtype=np.int64)
        keys = (np.rint(cosine * _UNIT).astype(np.int64) << 32) + (_LOW - index)
        best = np.concatenate([best, keys], axis=1)
        if best.shape[1] > count:
            best = np.partition(best, best.shape[1] - count, axis=1)[:, best.shape[1] - count :]
    return np.sort(best, axis=1)[:, ::-1]


def _unit_rows(rows: NDArray) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    norm = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(np.divide(wide, norm, out=np.zeros_like(wide), where=norm > 0))
