"""ZCore: how much an image adds to the coverage of a pool, from embeddings alone.

After Griffin, Marks, Corso, "Zero-Shot Coreset Selection", arXiv 2411.15349. A random point is drawn in a few
dimensions of embedding space; the image nearest to it earns one, for it covers that region; the images nearest to that
image there share a penalty of one, for they are redundant with it. Higher = label sooner.

A tie goes to the lower row. Callers pass rows sorted by sample id, which makes the scores independent of the order in
which samples came.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelloop.core.errors import LabelError

Progress = Callable[[int, int], None]
Scores = NDArray[np.float64]

_PROGRESS_EVERY = 1000
_MANY = 4096  # distances from which it pays to look at every _STRIDE-th first
_STRIDE = 16


@dataclass(frozen=True)
class Redundancy:
    """How the penalty of one is shared among the neighbours of a rewarded image.

    Attributes:
        neighbours: How many images share it.
        exponent: Each gets a share ∝ 1 / (distance^exponent + eps).
        eps: 0 as in the paper. FiftyOne's tutorial adds 1e-8, which on unit-norm embeddings exceeds distance^4 and
            makes all shares equal.
    """

    neighbours: int
    exponent: float
    eps: float = 0.0


def zcore_scores(
    embeddings: ArrayLike,
    redundancy: Redundancy,
    *,
    n_sample: int,
    sample_dim: int,
    seed: int,
    on_progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Score every row by coverage and redundancy.

    Args:
        embeddings: (N, D), rows sorted by sample id.
        redundancy: How penalties are shared.
        n_sample: Number of random points.
        sample_dim: Dimensions each point is drawn in.
        seed: Of the points and of the small random start that orders images no point ever came near.
        on_progress: Called with points done and points in all, now and then.

    Returns:
        (N,) float32, the best image 1, the worst 0; all 0 where nothing tells them apart.

    Raises:
        LabelError: If an embedding holds NaN or infinity.
    """
    columns = _varying_columns(np.asarray(embeddings))
    rng = np.random.default_rng(seed)
    scores = rng.random(columns.shape[1:])
    if columns.size:
        dims, points = _draws(columns, n_sample, sample_dim, rng)
        for number in range(n_sample):
            if on_progress and number % _PROGRESS_EVERY == 0:
                on_progress(number, n_sample)
            _score_point(columns[dims[number]], points[number], redundancy, scores)
    if on_progress:
        on_progress(n_sample, n_sample)
    return _normalised(scores)


def _varying_columns(embeddings: NDArray) -> NDArray[np.float64]:
    """One row for each dimension that tells images apart, contiguous because every point reads whole dimensions."""
    bad = np.flatnonzero(~np.isfinite(embeddings).all(axis=1)) if embeddings.size else np.zeros(0, dtype=int)
    if len(bad):
        named = ", ".join(map(str, bad[:10])) + (", …" if len(bad) > 10 else "")
        raise LabelError(f"{len(bad)} embeddings hold NaN or infinity: rows {named}", "Compute the embeddings again.")
    if not embeddings.size:
        return np.zeros((0, len(embeddings)))
    varying = embeddings.min(axis=0) < embeddings.max(axis=0)
    return np.ascontiguousarray(embeddings[:, varying].T, dtype=np.float64)


def _draws(
    columns: NDArray[np.float64], n_sample: int, sample_dim: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Dimensions and coordinates of all points, both (n_sample, sample_dim)."""
    dims = _subsets(len(columns), min(sample_dim, len(columns)), n_sample, rng)
    low, middle, high = columns.min(axis=1), np.median(columns, axis=1), columns.max(axis=1)
    return dims, rng.triangular(low[dims], middle[dims], high[dims])


def _subsets(total: int, size: int, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """`count` uniform random subsets of range(total), by Robert Floyd's method for all of them at once."""
    chosen = np.empty((count, size), dtype=np.intp)
    for place, last in enumerate(range(total - size, total)):
        candidate = rng.integers(0, last + 1, size=count)
        taken = (chosen[:, :place] == candidate[:, None]).any(axis=1)
        chosen[:, place] = np.where(taken, last, candidate)
    return chosen


def _score_point(
    values: NDArray[np.float64], point: NDArray[np.float64], redundancy: Redundancy, scores: Scores
) -> None:
    """Reward the image nearest to a point and penalise its neighbours, in the point's dimensions `values` (d, N)."""
    nearest = int(np.argmin(_distances(values, point)))
    scores[nearest] += 1.0
    distances = _distances(values, values[:, nearest])
    count = min(redundancy.neighbours, len(scores) - 1)
    if count == 0:
        return
    same = np.flatnonzero(distances == 0.0)
    if len(same) > 1:
        # Of images that coincide with the rewarded one, the first after it takes the whole penalty.
        scores[same[1]] -= 1.0
        return
    neighbours = _nearest(distances, count + 1)
    neighbours = neighbours[neighbours != nearest]
    scores[neighbours] -= _shares(distances[neighbours], redundancy)


def _distances(values: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """L1 distance of every image to a point, (N,)."""
    total: NDArray[np.float64] = np.abs(values[0] - point[0])
    for row, coordinate in zip(values[1:], point[1:], strict=True):
        total += np.abs(row - coordinate)
    return total


def _nearest(distances: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Indices of the `count` smallest distances, in no particular order; ties at the edge go to the lower index."""
    edge = _smallest(distances, count)
    inside = np.flatnonzero(distances < edge)
    return np.concatenate([inside, np.flatnonzero(distances == edge)[: count - len(inside)]])


def _smallest(distances: NDArray[np.float64], count: int) -> float:
    """The distance that is `count`-th in ascending order."""
    few = distances[::_STRIDE]
    expected = count / _STRIDE
    rank = int(expected + 4.0 * np.sqrt(expected)) + 2
    if len(distances) >= _MANY and rank < len(few) // 2:
        # A few distances tell how far the nearest most likely reach; parting those within is cheaper than parting all.
        near = distances[distances <= np.partition(few, rank)[rank]]
        if len(near) >= count:
            return float(np.partition(near, count - 1)[count - 1])
    return float(np.partition(distances, count - 1)[count - 1])


def _shares(distances: NDArray[np.float64], redundancy: Redundancy) -> NDArray[np.float64]:
    """Shares of the penalty, summing to 1."""
    if redundancy.eps:
        weights = 1.0 / (distances**redundancy.exponent + redundancy.eps)
    else:
        # Relative to the smallest distance: distance^exponent itself underflows for close neighbours.
        weights = (distances.min() / distances) ** redundancy.exponent
    return np.asarray(weights / weights.sum())


def _normalised(scores: Scores) -> NDArray[np.float32]:
    if not len(scores) or scores.max() == scores.min():
        return np.zeros(len(scores), dtype=np.float32)
    return np.asarray((scores - scores.min()) / (scores.max() - scores.min()), dtype=np.float32)
