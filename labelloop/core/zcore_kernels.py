"""The rules of ZCore compiled: for the same draws, to the last bit the sums of `core/zcore_rules.py`.

Modules of kernels are imported only where they are called, because numba takes long to load.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore_jit import kernel
from labelloop.core.zcore_kernels_nearest import nearest
from labelloop.core.zcore_kernels_order import closest
from labelloop.core.zcore_kernels_search import Pool, Room, around, everything, scanned, second_zero, twin
from labelloop.core.zcore_rules import ONE


class Rule(NamedTuple):
    """`Redundancy` in numbers of fixed size; `nearest` counts the rewarded image too."""

    nearest: int
    exponent: int
    eps: float


@kernel
def score(
    pool: Pool, rule: Rule, room: Room, dims: NDArray[np.intp], points: NDArray[np.float64], sums: NDArray[np.int64]
) -> None:  # fmt: skip
    """Add what each draw gives and takes to `sums` (N,); `dims` and `points` are (draws, size)."""
    columns, images = pool.columns, len(sums)
    centre = np.empty(dims.shape[1], columns.dtype)
    scan = pool.orders.shape[1] == 0
    for draw in range(len(dims)):
        own = dims[draw]
        best = scanned(columns, own, points[draw], room) if scan else nearest(pool, own, points[draw], room)
        sums[best] += ONE
        if rule.nearest == 1:
            continue
        for place in range(len(own)):
            centre[place] = columns[own[place], best]
        found = everything(columns, own, centre, room) if scan else 0
        same = second_zero(room.far) if scan else twin(pool, own, centre, room.far)
        if same < images:
            sums[same] -= ONE
            continue
        if not scan:
            found = around(pool, own, centre, rule.nearest, room)
        closest(room.near, room.far, found, rule.nearest)
        _share(room.near[: rule.nearest], room.far, best, rule, room.spare, sums)


@kernel
def _share(
    near: NDArray[np.uint32], far: NDArray, best: int, rule: Rule, spare: NDArray[np.float64], sums: NDArray[np.int64]
) -> None:
    """Take a penalty of one from the neighbours, in the very steps of `zcore_rules`."""
    least, most = np.inf, 0.0
    for place in range(len(near)):
        if near[place] != best:
            least = min(least, np.float64(far[place]))
    for place in range(len(near)):
        distance = np.float64(far[place])
        if near[place] == best:
            weight = 0.0
        elif rule.eps:
            weight = 1.0 / (_power(distance, rule.exponent) + rule.eps)
        else:
            weight = _power(least / distance, rule.exponent)
        spare[place] = weight
        most = max(most, weight)
    total = 0
    for place in range(len(near)):
        weight = spare[place] / most if rule.eps else spare[place]
        spare[place] = np.rint(weight * ONE)
        total += np.int64(spare[place])
    unit = ONE / total
    for place in range(len(near)):
        sums[near[place]] -= np.int64(np.rint(spare[place] * unit))


@kernel
def _power(base: float, exponent: int) -> float:
    """By multiplication, in the order of `zcore_rules`; one times a number is that number."""
    result, square, rest = 1.0, base, exponent
    while rest:
        if rest & 1:
            result = result * square
        rest >>= 1
        square = square * square
    return result
