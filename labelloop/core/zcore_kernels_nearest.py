"""Compiled search for the image nearest to a point."""

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore_index import MARK
from labelloop.core.zcore_jit import kernel
from labelloop.core.zcore_kernels_search import Pool, Room, below, distances_of, scanned


@kernel
def _gap(pool: Pool, dim: int, coordinate: float) -> float:
    """Distance to the nearest value of one dimension."""
    column, order = pool.columns[dim], pool.orders[dim]
    at = below(pool.marks[dim], coordinate)
    first, last = MARK * max(at - 1, 0), min(MARK * at, len(order))
    while first < last:
        middle = (first + last) >> 1
        if column[order[middle]] < coordinate:
            first = middle + 1
        else:
            last = middle
    gap = np.inf
    if first < len(order):
        gap = column[order[first]] - coordinate
    if first > 0:
        gap = min(gap, coordinate - column[order[first - 1]])
    return gap


@kernel
def _sparsest(pool: Pool, dims: NDArray[np.intp], point: NDArray[np.float64]) -> tuple[int, float]:
    """The place in `dims` where images are farthest apart around a point, and what lies between in all others."""
    best, widest, total, own = 0, -1.0, 0.0, 0.0
    blocks = pool.marks.shape[1]
    half = np.int64(np.sqrt(blocks)) // 8 + 1
    for place in range(len(dims)):
        marks = pool.marks[dims[place]]
        at = below(marks, point[place])
        low, high = max(at - half, 0), min(at + half, blocks - 1)
        wide = (np.float64(marks[high]) - marks[low]) / max(high - low, 1)
        gap = _gap(pool, dims[place], point[place])
        total += gap
        if wide > widest:
            best, widest, own = place, wide, gap
    return best, max(total - own, 0.0)


@kernel
def nearest(pool: Pool, dims: NDArray[np.intp], point: NDArray[np.float64], room: Room) -> int:
    """The image nearest to a point, the lowest of those equally near.

    Looks at images from the point outwards in one dimension, until that dimension alone is farther than the best.
    """
    columns, images, blocks = pool.columns, pool.columns.shape[1], pool.marks.shape[1]
    place, rest = _sparsest(pool, dims, point)
    marks, order, coordinate = pool.marks[dims[place]], pool.orders[dims[place]], point[place]
    right = below(marks, coordinate)
    left, best, least, spare = right - 1, images, np.inf, room.spare
    for _ in range(blocks // 4 + 2):
        before = after = np.inf
        if left >= 0:
            before = coordinate - marks[left + 1] if left + 1 < blocks else 0.0
        if right < blocks:
            after = marks[right] - coordinate
        if (max(min(before, after), 0.0) + rest) * (1.0 - 1e-12) > least or min(before, after) == np.inf:
            return best
        block = left if before <= after else right
        left, right = (left - 1, right) if before <= after else (left, right + 1)
        some = order[MARK * block : MARK * (block + 1)]
        distances_of(columns, dims, point, some, spare)
        for at in range(len(some)):
            if spare[at] <= least and (spare[at] < least or some[at] < best):
                best, least = np.int64(some[at]), spare[at]
    return scanned(columns, dims, point, room)
