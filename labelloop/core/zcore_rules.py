"""What one random point of ZCore does to the scores: a reward for the image nearest to it, a penalty for the next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore_draws import Draws
from labelloop.core.zcore_index import PoolIndex

Sums = NDArray[np.int64]

ONE = 1 << 40  # a reward of one; eight million of them fit on one image
_FEW = 4000  # images up to which several draws are scored at once
_TOGETHER = 1 << 16  # distances that are computed at once


@dataclass(frozen=True)
class Redundancy:
    """How the penalty of one is shared among the neighbours of a rewarded image.

    Attributes:
        neighbours: How many images share it.
        exponent: Each gets a share ∝ 1 / (distance^exponent + eps).
        eps: 0 as in the paper. FiftyOne's tutorial adds 1e-8, which on unit-norm embeddings exceeds distance^4 and
            makes all shares equal: among 40,000 images, 98 of 100 neighbours share what 3 share without it, as
            `test_with_the_eps_of_the_tutorial_nearly_all_neighbours_on_unit_vectors_share_alike` finds.
    """

    neighbours: int
    exponent: float
    eps: float = 0.0


def score_draws(index: PoolIndex, draws: Draws, redundancy: Redundancy) -> Sums:
    """What a range of draws adds to each image, (N,) in units of 1 / `ONE`; parts of any size add up exactly."""
    images = index.columns.shape[1]
    sums = np.zeros(images, dtype=np.int64)
    if index.orders is None and images <= _FEW:
        step = max(_TOGETHER // images, 1)
        for first in range(0, len(draws[0]), step):
            some = slice(first, first + step)
            _score_together(index, draws[0][some], draws[1][some], redundancy, sums)
        return sums
    for dims, point in zip(*draws, strict=True):
        _score_point(index, dims, point, redundancy, sums)
    return sums


def _score_point(
    index: PoolIndex, dims: NDArray[np.intp], point: NDArray[np.float64], redundancy: Redundancy, sums: Sums
) -> None:
    """Reward the image nearest to a point and penalise its neighbours, in the dimensions of the point."""
    nearest = index.nearest(dims, point)
    sums[nearest] += ONE
    if redundancy.neighbours:
        _penalise(index, dims, nearest, redundancy, sums)


def _penalise(index: PoolIndex, dims: NDArray[np.intp], nearest: int, redundancy: Redundancy, sums: Sums) -> None:
    images, distances = index.around(dims, nearest, redundancy.neighbours + 1)
    same = images[distances == 0.0]
    if len(same) > 1:
        # Of images that coincide with the rewarded one, the first after it takes the whole penalty.
        sums[np.partition(same, 1)[1]] -= ONE
        return
    images, distances = _nearest(images, distances, redundancy.neighbours + 1)
    others = images != nearest
    sums[images[others]] -= _shares(distances[others].astype(np.float64), redundancy)


def _score_together(
    index: PoolIndex, dims: NDArray[np.intp], points: NDArray[np.float64], redundancy: Redundancy, sums: Sums
) -> None:
    """The same for several draws at once, where there are so few images that calling numpy is what takes long."""
    columns, rows, count = index.columns, np.arange(len(dims)), redundancy.neighbours + 1
    nearest = _l1(columns, dims, points).argmin(axis=1)
    sums += np.bincount(nearest, minlength=len(sums)) * ONE
    if count == 1:
        return
    distances = _l1(columns, dims, columns[dims, nearest[:, None]])
    zero = distances == 0.0
    zero[rows, nearest] = False
    twice = zero.any(axis=1)
    sums -= np.bincount(zero[twice].argmax(axis=1), minlength=len(sums)) * ONE
    near, own = distances[~twice], nearest[~twice]
    inside = _inside(near, count)
    inside[np.arange(len(own)), own] = False
    draw, image = np.nonzero(inside)
    shares = _shares(near[draw, image].reshape(-1, count - 1).astype(np.float64), redundancy)
    # Sums of so few draws are whole numbers below 2^53, which float64 adds without rounding.
    sums -= np.bincount(image, weights=shares.ravel(), minlength=len(sums)).astype(np.int64)


def _inside(distances: NDArray, count: int) -> NDArray[np.bool_]:
    """Which images are the `count` nearest of each draw, (draws, N); ties at the edge go to the lower image."""
    edge = np.partition(distances, count - 1, axis=1)[:, count - 1, None]
    inside = distances <= edge
    tied = np.flatnonzero(np.count_nonzero(inside, axis=1) > count)
    at_edge = distances[tied] == edge[tied]
    left = count - np.count_nonzero(inside[tied] & ~at_edge, axis=1, keepdims=True)
    inside[tied] &= ~at_edge | (np.cumsum(at_edge, axis=1) <= left)
    return np.asarray(inside)


def _l1(columns: NDArray, dims: NDArray[np.intp], points: NDArray) -> NDArray:
    """Distances of all images to the point of each draw, (draws, N)."""
    total = np.abs(columns[dims[:, 0]] - points[:, 0, None])
    for place in range(1, dims.shape[1]):
        total += np.abs(columns[dims[:, place]] - points[:, place, None])
    return np.asarray(total)


def _nearest(images: NDArray[np.intp], distances: NDArray, count: int) -> tuple[NDArray[np.intp], NDArray]:
    """The `count` nearest of some images, in no particular order; ties at the edge go to the lower image."""
    if len(images) == count:
        return images, distances
    edge = np.partition(distances, count - 1)[count - 1]
    inside = distances < edge
    at_edge = np.sort(images[distances == edge])[: count - np.count_nonzero(inside)]
    chosen = np.concatenate([images[inside], at_edge])
    return chosen, np.concatenate([distances[inside], np.full(len(at_edge), edge, dtype=distances.dtype)])


def _shares(distances: NDArray[np.float64], redundancy: Redundancy) -> Sums:
    """Shares of the penalty of each draw, (…, neighbours), whole numbers, so that their order does not matter."""
    if redundancy.eps:
        weights = 1.0 / (_power(distances, redundancy.exponent) + redundancy.eps)
        weights /= weights.max(axis=-1, keepdims=True)
    else:
        # Relative to the smallest distance: distance^exponent itself underflows for close neighbours.
        weights = _power(distances.min(axis=-1, keepdims=True) / distances, redundancy.exponent)
    whole = np.rint(weights * ONE).astype(np.int64)
    return np.asarray(np.rint(whole * (ONE / whole.sum(axis=-1, keepdims=True))), dtype=np.int64)


def _power(base: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Power by multiplication where the exponent allows it: many times quicker, and the same on every machine."""
    if exponent != int(exponent) or not 1 <= exponent <= 64:
        return np.asarray(base**exponent)
    result, square, rest = None, base, int(exponent)
    while rest:
        if rest & 1:
            result = square if result is None else result * square
        rest >>= 1
        square = square * square if rest else square
    assert result is not None  # noqa: S101
    return result
