"""Typical images: the centre of what is crowded, cluster by cluster, those first in which nothing is labelled.

After TypiClust: Hacohen, Dekel, Weinshall, "Active Learning on a Budget: Opposite Strategies Suit High and Low
Budgets", ICML 2022, arXiv 2202.02794. There typicality is the inverse mean distance to the 20 nearest neighbours in the
cluster; here it is their mean cosine, which orders alike and stays finite where images are equal. There the
smallest clusters are left out; here they come last of those with as many labelled or chosen images.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelloop.core.strategies.clusters import centres
from labelloop.core.strategies.query import Openings, Query

_MOST_CLUSTERS = 500
_NEIGHBOURS = 20
_COMPARED = 1024  # of a larger cluster, so many drawn images stand for it


@dataclass(frozen=True)
class Typical:
    """A row that stands for its cluster."""

    row: int
    typicality: float
    cluster_size: int


class TypicalImages:
    """Clusters of the pool and of what is labelled; as many as images will be labelled then, at most 500."""

    def __init__(self, query: Query, openings: Openings, rng: np.random.Generator) -> None:
        self._query, self._openings, self._rng = query, openings, rng
        wanted = min(len(query.labelled) + query.mix.budget, _MOST_CLUSTERS)
        pool = query.vectors.sample(10_000, rng)
        found = centres(np.vstack([pool, query.labelled]), wanted, rng)
        self._cluster = query.vectors.closest(found)
        labelled = (query.labelled @ found.T).argmax(axis=1) if len(query.labelled) else np.zeros(0, dtype=int)
        self._covered = np.bincount(labelled, minlength=len(found))
        self._size = self._covered + np.bincount(self._cluster, minlength=len(found))
        self._typicality: dict[int, NDArray[np.float64]] = {}

    def take(self, row: int) -> None:
        """A row was chosen, by whomever."""
        self._covered[self._cluster[row]] += 1

    def next(self) -> Typical | None:
        """The most typical open image of the largest cluster with the fewest labelled or chosen images."""
        waiting, size, covered = self._waiting()
        if not len(waiting):
            return None
        cluster = int(waiting[np.lexsort([waiting, -size, covered])[0]])
        return self._best(cluster, self._typicality_in(cluster))

    def next_by_mass(self, distance: NDArray[np.float64]) -> Typical | None:
        """A typical open image of the cluster with the most images for each labelled or chosen one.

        Clusters get their turns in proportion to their sizes, as D'Hondt shares out seats. Of the more typical half of
        a cluster it is the image farthest from what is labelled or chosen, by `distance` (N,).
        """
        waiting, size, covered = self._waiting()
        if not len(waiting):
            return None
        cluster = int(waiting[np.argmax(size / (covered + 1))])
        typicality = self._typicality_in(cluster)
        compared = typicality[(typicality > -2) & self._openings.mask]
        return self._best(cluster, np.where(typicality >= np.median(compared), distance, -np.inf))

    def _waiting(self) -> tuple[NDArray, NDArray, NDArray]:
        """Clusters with open images, their sizes, and how many images of each are labelled or chosen."""
        waiting = np.unique(self._cluster[self._openings.mask])
        return waiting, self._size[waiting], self._covered[waiting]

    def _best(self, cluster: int, priority: NDArray[np.float64]) -> Typical | None:
        row = self._openings.best(np.where(self._cluster == cluster, priority, -np.inf))
        typicality = self._typicality_in(cluster)
        return None if row is None else Typical(row, float(typicality[row]), int(self._size[cluster]))

    def _typicality_in(self, cluster: int) -> NDArray[np.float64]:
        """Mean cosine with the nearest images of the cluster, (N,); what was not compared stands at -2."""
        known = self._typicality.get(cluster)
        open_rows = np.flatnonzero((self._cluster == cluster) & self._openings.mask)
        if known is not None and (known[open_rows] > -2).any():
            return known
        rows = np.flatnonzero(self._cluster == cluster)
        if len(rows) > _COMPARED:
            count = min(_COMPARED, len(open_rows))
            rows = np.sort(self._rng.choice(open_rows, count, replace=False))
        vectors = self._query.vectors.rows(rows)
        cosine = vectors @ vectors.T
        np.fill_diagonal(cosine, -1.0)
        count = min(_NEIGHBOURS, len(rows) - 1)
        nearest = np.sort(cosine, axis=1)[:, len(rows) - count :]
        typicality = np.full(len(self._cluster), -2.0)
        typicality[rows] = nearest.mean(axis=1) if count else 0.0
        self._typicality[cluster] = typicality
        return typicality
