"""Nearest neighbours by cosine similarity, block by block, so that memory does not grow with Q × N."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelloop.core.directions import Directions, parts

_QUERIES = 1024  # compared at once; with 4096 corpus rows a block takes 16 MB
_GLANCE = 512  # corpus rows that give a first idea of how near the nearest are
_CROWD = 32  # candidates per neighbour wanted; for more, a product of matrices is faster than pair by pair
_PAIRS = 2048  # whose cosines are computed at once

Neighbours = tuple[NDArray[np.intp], NDArray[np.float64]]
Pairs = tuple[NDArray[np.intp], NDArray[np.intp], NDArray]  # query, corpus row and cosine of each


def top_k(queries: ArrayLike | Directions, corpus: ArrayLike, k: int, chunk: int = 4096) -> Neighbours:
    """The `k` rows of `corpus` most similar to each query, best first; ties go to the lower row.

    Cosines are those of unit vectors on the grid of `unit_vectors`: off by what is left of float32 vectors, typically
    1e-8, and the same to the last bit whatever the blocks and the threads. A product in float32 tells which can be
    among the best, and only these are computed so.

    Args:
        queries: (Q, D).
        corpus: (N, D); a row of zeros is similar to nothing (0).
        k: Neighbours for each query; at most N are returned.
        chunk: Rows of `corpus` compared at once.

    Returns:
        Indices into `corpus` (Q, min(k, N)) and cosines of the same shape.

    Raises:
        LabelError: If a row holds NaN or infinity; names the rows.
    """
    asked = queries if isinstance(queries, Directions) else Directions(queries)
    stored = Directions(corpus)
    count = min(k, len(stored))
    if not count or not len(asked):
        return np.zeros((len(asked), count), dtype=np.intp), np.zeros((len(asked), count))
    found = [_nearest(asked, rows, stored, count, chunk) for rows in parts(len(asked), _QUERIES)]
    indices, cosines = (np.concatenate(each) for each in zip(*found, strict=True))
    return indices, np.clip(cosines, -1.0, 1.0)


def _nearest(asked: Directions, rows: slice, stored: Directions, count: int, chunk: int) -> Neighbours:
    """The best of some queries."""
    likely = _likely(asked, rows, stored, count, chunk)
    if likely is None:
        return _nearest_of_many(asked, rows, stored, count, chunk)
    (query, row, _), exact = likely, asked.on_grid(rows)
    pieces = [
        np.einsum("ij,ij->i", exact[query[part]], stored.on_grid(row[part])) for part in parts(len(query), _PAIRS)
    ]
    return _first((query, row, np.concatenate(pieces)), rows.stop - rows.start, count)


def _likely(asked: Directions, rows: slice, stored: Directions, count: int, chunk: int) -> Pairs | None:
    """Pairs that can be among the best, by a product in float32; None where many are too much alike to tell."""
    queries, narrow, twice = rows.stop - rows.start, asked.narrow(rows), np.float32(2 * asked.slack)
    found, fresh = _no_pairs(np.float32), [_no_pairs(np.float32)]
    limit = np.full(queries, -np.inf, dtype=np.float32)
    for columns in parts(len(stored), chunk):
        product = narrow @ stored.narrow(columns).T
        if not columns.start and count <= min(_GLANCE, product.shape[1]):
            limit = np.partition(product[:, :_GLANCE], -count, axis=1)[:, -count] - twice
        query, row = np.divmod(np.flatnonzero(product >= limit[:, None]), product.shape[1])
        fresh.append((query, row + columns.start, product[query, row]))
        last = columns.stop == len(stored)
        if last or sum(len(each[0]) for each in fresh) > 2 * count * queries:
            found, fresh = _joined(found, *fresh), []
            if columns.stop >= count:
                least = _first(found, queries, count)[1][:, -1]
                limit = np.asarray(least - twice, dtype=np.float32)
                kept = np.flatnonzero(found[2] >= limit[found[0]])
                found = found[0][kept], found[1][kept], found[2][kept]
            if len(found[0]) > _CROWD * count * queries:
                return None
    return found


def _nearest_of_many(asked: Directions, rows: slice, stored: Directions, count: int, chunk: int) -> Neighbours:
    """The best of some queries by products of all with all on the grid."""
    queries, exact = rows.stop - rows.start, asked.on_grid(rows)
    row, cosine = np.zeros((queries, 0), dtype=np.intp), np.zeros((queries, 0))
    for columns in parts(len(stored), chunk):
        query, column, fresh = _best_of_all(exact @ stored.on_grid(columns).T, count)
        before = np.repeat(np.arange(queries), row.shape[1]), row.ravel(), cosine.ravel()
        both = _joined(before, (query, column + columns.start, fresh))
        row, cosine = _first(both, queries, min(count, columns.stop))
    return row, cosine


def _best_of_all(cosine: NDArray[np.float64], count: int) -> Pairs:
    """The best of each row of a matrix, ties to the lower column."""
    count = min(count, cosine.shape[1])
    least = np.partition(cosine, -count, axis=1)[:, -count, None]
    above, equal = cosine > least, cosine == least
    left = count - np.count_nonzero(above, axis=1, keepdims=True)
    query, column = np.nonzero(above | (equal & (np.cumsum(equal, axis=1) <= left)))
    return query, column, cosine[query, column]


def _first(pairs: Pairs, queries: int, count: int) -> Neighbours:
    """The best `count` of each query, best first, ties to the lower row; each query has as many."""
    query, row, cosine = pairs
    order = np.lexsort((row, -cosine, query))
    start = np.searchsorted(query[order], np.arange(queries))
    kept = order[start[:, None] + np.arange(count)]
    return row[kept], cosine[kept]


def _joined(*pairs: Pairs) -> Pairs:
    query, row, cosine = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return query, row, cosine


def _no_pairs(kind: type) -> Pairs:
    return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), np.zeros(0, dtype=kind)
