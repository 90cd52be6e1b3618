"""Centres of a large set of vectors by faiss, the one importer of which is here: `pip install labelloop[scale]`."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 5


def is_installed() -> bool:
    """Whether faiss can be imported; it is not imported by asking."""
    return importlib.util.find_spec("faiss") is not None


def centres(rows: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """Centres of unit rows (M, D) by k-means on the sphere, (K, D) with K the lower of `count` and M.

    It runs in one thread, so that the number of processors does not matter.
    """
    import faiss

    kept = min(count, len(rows))
    means = faiss.Kmeans(
        rows.shape[1], kept, niter=_ROUNDS, seed=seed % 2**31, spherical=True,
        min_points_per_centroid=1, max_points_per_centroid=len(rows) // kept + 1,
    )  # fmt: skip
    with _one_thread():
        means.train(np.ascontiguousarray(rows))
    return np.asarray(means.centroids, dtype=np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
