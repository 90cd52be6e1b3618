"""Nearest neighbours by cosine similarity, block by block, so that memory does not grow with Q × N.

There is no switch to inverted lists of faiss here, as there is for near-duplicates: those compare all with all, but the
few failures that are looked up take time only in proportion to the pool. Shadows make the exact answer quick enough: a
thousand failures in a pool of 100,000 took less than a quarter of the processor time of the tutorial's full sort
(`labelloop_tests/benchmarks/neighbours.py`, which prints the exponent too).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelloop.core.directions import Directions, parts
from labelloop.core.shadows import Sieve

_QUERIES = 1024  # compared at once; with 4096 corpus rows a block takes 16 MB
_GLANCE = 512  # corpus rows that give a first idea of how near the nearest are
_MANY = 256  # queries from which shadows of the whole corpus pay
_SPARSE = 64  # of so many pairs shadows may leave one, or the whole product is faster
_CROWD = 32  # candidates per neighbour wanted; for more, a product of matrices is faster than pair by pair
_PAIRS = 2048  # whose cosines are computed at once

Neighbours = tuple[NDArray[np.intp], NDArray[np.float64]]
Pairs = tuple[NDArray[np.intp], NDArray[np.intp], NDArray]  # query, corpus row and cosine of each


def top_k(queries: ArrayLike | Directions, corpus: ArrayLike, k: int, chunk: int = 4096) -> Neighbours:
    """The `k` rows of `corpus` most similar to each query, best first; ties go to the lower row.

    Cosines are those of unit vectors on the grid of `unit_vectors`: off by what is left of float32 vectors, typically
    1e-8, and the same to the last bit whatever the blocks and the threads. Shadows and products in float32 tell which
    can be among the best, and only these are computed so.

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
    sieve = Sieve.over(stored, _SPARSE, pays=len(asked) >= _MANY)
    looks = (_Look(asked, rows, stored, sieve) for rows in parts(len(asked), _QUERIES))
    found = [_nearest(look, count, chunk) for look in looks]
    indices, cosines = (np.concatenate(each) for each in zip(*found, strict=True))
    return indices, np.clip(cosines, -1.0, 1.0)


@dataclass
class _Look:
    """Some queries, and the corpus in which they look.

    Attributes:
        asked: All queries.
        rows: Which of them.
        stored: The corpus.
        sieve: Over the corpus.
    """

    asked: Directions
    rows: slice
    stored: Directions
    sieve: Sieve

    @cached_property
    def narrow(self) -> NDArray[np.float32]:
        """These queries in float32."""
        return self.asked.narrow(self.rows)

    @cached_property
    def own_shadows(self) -> NDArray[np.float32]:
        """Shadows of these queries."""
        return self.sieve.cast(self.asked, self.rows)

    @property
    def queries(self) -> int:
        """How many they are."""
        return len(self.narrow)

    @property
    def slack(self) -> np.float32:
        """Most by which two cosines in float32 are off, together."""
        return np.float32(2 * self.asked.slack)

    def all_with(self, columns: slice) -> NDArray[np.float32]:
        """Cosines of all queries with some of the corpus, in float32."""
        return np.asarray(self.narrow @ self.stored.narrow(columns).T)

    def pairs(self, columns: slice, limit: NDArray[np.float32]) -> Pairs:
        """Pairs with some of the corpus whose cosine in float32 reaches the limit of the query."""
        likely = self._by_shadows(columns, limit)
        if likely is not None:
            return likely
        product = self.all_with(columns)
        query, row = np.divmod(np.flatnonzero(product >= limit[:, None]), product.shape[1])
        return query, row + columns.start, product[query, row]

    def _by_shadows(self, columns: slice, limit: NDArray[np.float32]) -> Pairs | None:
        """The same with few products; None where shadows leave too many."""
        likely = self.sieve.left(lambda: self.own_shadows, columns, limit[:, None])
        if likely is None:
            return None
        query, row = likely[0], likely[1] + columns.start
        pieces = [
            np.einsum("ij,ij->i", self.narrow[query[part]], self.stored.narrow(row[part]))
            for part in parts(len(query), _PAIRS)
        ]
        cosine = np.concatenate([np.zeros(0, dtype=np.float32), *pieces])
        kept = np.flatnonzero(cosine >= limit[query])
        return query[kept], row[kept], cosine[kept]


def _nearest(look: _Look, count: int, chunk: int) -> Neighbours:
    """The best of some queries."""
    likely = _likely(look, count, chunk)
    if likely is None:
        return _nearest_of_many(look, count, chunk)
    (query, row, _), exact = likely, look.asked.on_grid(look.rows)
    pieces = [
        np.einsum("ij,ij->i", exact[query[part]], look.stored.on_grid(row[part])) for part in parts(len(query), _PAIRS)
    ]
    return _first((query, row, np.concatenate(pieces)), look.queries, count)


def _likely(look: _Look, count: int, chunk: int) -> Pairs | None:
    """Pairs that can be among the best, by float32; None where many are too much alike to tell."""
    found, fresh = _no_pairs(np.float32), [_no_pairs(np.float32)]
    limit = _first_limit(look, count, chunk)
    for columns in parts(len(look.stored), chunk):
        fresh.append(look.pairs(columns, limit))
        last = columns.stop == len(look.stored)
        if last or sum(len(each[0]) for each in fresh) > 2 * count * look.queries:
            found, fresh = _joined(found, *fresh), []
            if columns.stop >= count:
                least = _first(found, look.queries, count)[1][:, -1]
                limit = np.asarray(least - look.slack, dtype=np.float32)
                kept = np.flatnonzero(found[2] >= limit[found[0]])
                found = found[0][kept], found[1][kept], found[2][kept]
            if len(found[0]) > _CROWD * count * look.queries:
                return None
    return found


def _first_limit(look: _Look, count: int, chunk: int) -> NDArray[np.float32]:
    """Cosine that each of the best reaches, by a glance at the first rows, (queries,)."""
    seen = min(_GLANCE, chunk, len(look.stored))
    if count > seen:
        return np.full(look.queries, -np.inf, dtype=np.float32)
    least = np.partition(look.all_with(slice(0, seen)), -count, axis=1)[:, -count]
    return np.asarray(least - look.slack, dtype=np.float32)


def _nearest_of_many(look: _Look, count: int, chunk: int) -> Neighbours:
    """The best of some queries by products of all with all on the grid."""
    exact = look.asked.on_grid(look.rows)
    row, cosine = np.zeros((look.queries, 0), dtype=np.intp), np.zeros((look.queries, 0))
    for columns in parts(len(look.stored), chunk):
        query, column, fresh = _best_of_all(exact @ look.stored.on_grid(columns).T, count)
        before = np.repeat(np.arange(look.queries), row.shape[1]), row.ravel(), cosine.ravel()
        both = _joined(before, (query, column + columns.start, fresh))
        row, cosine = _first(both, look.queries, min(count, columns.stop))
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
