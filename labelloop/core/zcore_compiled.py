"""ZCore on compiled kernels: where it pays, and what it needs of a pool.

For the same draws the sums are to the last bit those of `core/zcore_rules.py`, which small pools use and tests compare.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore_draws import Draws, Spread
from labelloop.core.zcore_index import MARK
from labelloop.core.zcore_jit import is_compiled
from labelloop.core.zcore_rules import Redundancy, Sums

_SCAN_TO = 3000  # images up to which a scan is quicker than a window, as measured
_EXPONENTS = range(1, 65)  # those that are multiplied out; numpy and compilers differ in the last bit of other powers

# Seconds, as measured: what a draw takes by numpy, what an image adds to that, what it takes to sort a value, and what
# numpy has to take before the kernels are compiled, or only loaded; half of either is for a slower machine.
_DRAW, _IMAGE, _VALUE, _COLD, _WARM = 20e-6, 6e-9, 25e-9, 25.0, 2.0


def pays(columns: NDArray, redundancy: Redundancy, draws: int, workers: int) -> bool:
    """Whether compiled kernels save more time than it takes to have them.

    Args:
        columns: (d, N).
        redundancy: What the kernels would have to do.
        draws: How many.
        workers: Threads that numpy would have; a compiler has one.
    """
    if redundancy.exponent not in _EXPONENTS:
        return False
    saved = (draws * (_DRAW + _IMAGE * columns.shape[1]) - _VALUE * columns.size) / workers
    return saved >= _COLD or (saved >= _WARM and columns.dtype == np.float32 and is_compiled("zcore_kernels", "score"))


@dataclass(frozen=True, eq=False)
class CompiledPool:
    """A pool ready for the kernels.

    Attributes:
        columns: (d, N), float32 or float64; distances are computed in this precision.
        orders: (d, N) uint32, the images of each dimension from least to greatest, equal ones by number; (d, 0) where
            all are looked at anyway.
        marks: (d, N / 32), every 32nd value in that order.
        spread: Of the columns.
    """

    columns: NDArray
    orders: NDArray[np.uint32]
    marks: NDArray
    spread: Spread

    @classmethod
    def build(cls, columns: NDArray, threads: int) -> "CompiledPool":
        """Sort the rows of `columns` (d, N) unless they are short."""
        if columns.shape[1] <= _SCAN_TO:
            return cls(columns, np.empty((len(columns), 0), dtype=np.uint32), columns[:, :0].copy(), Spread.of(columns))
        orders = _sorted(columns, threads)
        marks = _at(columns, orders[:, ::MARK])
        middle = _at(columns, orders[:, (columns.shape[1] - 1) // 2 : columns.shape[1] // 2 + 1]).mean(axis=1)
        ends = _at(columns, orders[:, [0, -1]])
        spread = Spread(*(values.astype(np.float64) for values in (ends[:, 0], middle, ends[:, 1])))
        return cls(columns, orders, marks, spread)

    def score(self, draws: Draws, redundancy: Redundancy) -> Sums:
        """What some draws add to each image, (N,) in units of 1 / `ONE`; other threads run meanwhile."""
        from labelloop.core.zcore_kernels import Rule, score
        from labelloop.core.zcore_kernels_search import Pool, Room

        images = self.columns.shape[1]
        spare, sums = np.empty(images), np.zeros(images, dtype=np.int64)
        room = Room(np.empty(images, np.uint32), np.empty(images, self.columns.dtype), spare, spare.view(np.int64))
        rule = Rule(redundancy.neighbours + 1, int(redundancy.exponent), float(redundancy.eps))
        score(Pool(self.columns, self.orders, self.marks), rule, room, *draws, sums)
        return sums


def _sorted(columns: NDArray, threads: int) -> NDArray[np.uint32]:
    orders = np.empty(columns.shape, dtype=np.uint32)

    def sort(dims: Sequence[int]) -> None:
        from labelloop.core.zcore_kernels_order import sort_dimensions

        if columns.dtype == np.float32:
            sort_dimensions(columns[dims[0] : dims[-1] + 1].view(np.uint32), orders[dims[0] : dims[-1] + 1])
            return
        for dim in dims:
            orders[dim] = np.argsort(columns[dim], kind="stable")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(sort, [range(first, min(first + 8, len(columns))) for first in range(0, len(columns), 8)]))
    return orders


def _at(columns: NDArray, images: NDArray[np.uint32]) -> NDArray:
    """Values of some images in each dimension, (d, some)."""
    return np.stack([column[own] for column, own in zip(columns, images, strict=True)])
