"""Clusters of unit vectors by k-means, the same to the last bit on every machine.

k-means on the sphere (Dhillon, Modha, "Concept decompositions for large sparse text data using clustering", Machine
Learning 42, 2001), started by the greedy k-means++ of Arthur, Vassilvitskii (SODA 2007). Large sets are clustered by a
sample of their rows.
"""

import numpy as np
from numpy.typing import NDArray

from labelloop.core.unit_vectors import Rows, on_grid

_FIT_ROWS = 10_000
_ROUNDS = 20


def centres(rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    """At most `count` cluster centres of rows (M, D) on the grid of `UnitVectors`, (K, D) on the same grid.

    There are fewer where there are fewer distinct rows.
    """
    if len(rows) > _FIT_ROWS:
        rows = rows[np.sort(rng.choice(len(rows), _FIT_ROWS, replace=False))]
    found = rows[_seeds(rows, count, rng)]
    for _ in range(_ROUNDS):
        nearest = (rows @ found.T).argmax(axis=1)
        member = (nearest == np.arange(len(found))[:, None]).astype(float)
        sums = member @ rows
        fresh = np.where(np.any(sums, axis=1)[:, None], on_grid(sums), found)
        if np.array_equal(fresh, found):
            break
        found = fresh
    return found


def _seeds(rows: Rows, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Rows to start from: each the best of a few drawn with a chance that grows with the distance to those before."""
    trials = 2 + int(np.log(max(count, 1)))
    chosen = [int(rng.integers(len(rows)))] if len(rows) else []
    distance = np.full(len(rows), 2.0) if not chosen else _distance(rows, rows[chosen])[:, 0]
    while chosen and len(chosen) < count and distance.any():
        reach = np.cumsum(distance)
        drawn = np.searchsorted(reach, rng.random(trials) * reach[-1], side="right")
        drawn = np.minimum(drawn, len(rows) - 1)
        left = np.minimum(distance[:, None], _distance(rows, rows[drawn]))
        best = int(left.sum(axis=0).argmin())
        if not distance[drawn[best]]:
            break
        chosen.append(int(drawn[best]))
        distance = left[:, best]
    return np.array(chosen, dtype=np.intp)


def _distance(rows: Rows, others: Rows) -> Rows:
    """1 - cosine, (M, K); half the squared distance of unit vectors; what is left of a twin's rounding counts as 0."""
    distance = 1.0 - rows @ others.T
    return np.where(distance < 1e-6, 0.0, distance)
