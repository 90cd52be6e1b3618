"""ZCore on compiled kernels: where it pays, and what it needs of a pool.

For the same draws the sums are to the last bit those of `core/zcore_rules.py`, which small pools use and tests compare.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelloop.core.paging import let_go
from labelloop.core.zcore_draws import Draws, Spread
from labelloop.core.zcore_index import MARK, PoolIndex
from labelloop.core.zcore_jit import owed, were_compiled
from labelloop.core.zcore_rows import Make
from labelloop.core.zcore_rules import Redundancy, Sums

_SCAN_TO = 3000  # images up to which a scan is quicker than a window, as measured
_EXPONENTS = range(1, 65)  # those that are multiplied out; numpy and compilers differ in the last bit of other powers
_TOGETHER = 8  # dimensions that are sorted at a time

# Seconds that a draw takes by numpy more than compiled, as measured with 100 neighbours (33 against 9 us at 1,000
# images, 236 against 20 at 10,000, 414 against 66 at 100,000, on a busy machine): for the draw, for each image up to
# where numpy has windows too, and for each image. And seconds to sort a value, as numpy does for large pools itself.
_DRAW, _SCANNED, _IMAGE, _VALUE = 15e-6, 14e-9, 0.6e-9, 20e-9
_FEWER, _SORTED_BY_NUMPY = 15_000, 30_000
# Seconds that have to be saved before kernels are compiled, which takes 12, or only loaded, which takes 0.8.
_COLD, _WARM = 13.0, 1.2


def pays(columns: NDArray, redundancy: Redundancy, draws: int, workers: int) -> bool:
    """Whether compiled kernels save more time than it takes to have them.

    A pool is scored again and again. What kernels would have saved each time is added up, and they are compiled once
    the sum is what a compile takes: never more than twice the time is lost that one who knows the future would lose.
    Where they would not even save what it takes to load them, nothing is added. 10,000 draws of 100,000 x 512 on one
    thread save three seconds: such a pool is scored by kernels that are there, and the fifth time they are made.

    Args:
        columns: (d, N).
        redundancy: What the kernels would have to do.
        draws: How many.
        workers: Threads that numpy would have; a compiler has one.
    """
    if redundancy.exponent not in _EXPONENTS:
        return False
    images = columns.shape[1]
    saved = draws * (_DRAW + _SCANNED * min(images, _FEWER) + _IMAGE * images) / workers
    if images < _SORTED_BY_NUMPY:
        saved -= _VALUE * columns.size / workers
    if saved < _WARM:
        return False
    return were_compiled(columns.dtype) or owed(columns.dtype, saved) >= _COLD


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
    def build(
        cls, columns: NDArray, threads: int, make: Make = np.empty, *, scan_to: int | None = None
    ) -> "CompiledPool":
        """Sort the rows of `columns` (d, N) into an array of `make`, unless at most `scan_to` are scanned."""
        dimensions, images = columns.shape
        if images <= (_SCAN_TO if scan_to is None else scan_to):
            return cls(columns, np.empty((dimensions, 0), dtype=np.uint32), columns[:, :0].copy(), Spread.of(columns))
        orders, marks = make(columns.shape, np.uint32), np.empty((dimensions, -(-images // MARK)), dtype=columns.dtype)
        # Least, the two in the middle, greatest.
        places = [0, (images - 1) // 2, images // 2, images - 1]
        known = np.empty((dimensions, len(places)), dtype=columns.dtype)

        def sort(first: int) -> None:
            dims = range(first, min(first + _TOGETHER, dimensions))
            _sort(columns, orders, dims)
            for dim in dims:
                marks[dim] = columns[dim][orders[dim, ::MARK]]
                known[dim] = columns[dim][orders[dim][places]]
            let_go(columns[dims[0] : dims[-1] + 1])
            let_go(orders[dims[0] : dims[-1] + 1])

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(sort, range(0, dimensions, _TOGETHER)))
        spread = (known[:, 0], known[:, 1:3].mean(axis=1), known[:, 3])
        return cls(columns, orders, marks, Spread(*(values.astype(np.float64) for values in spread)))

    def score(self, draws: Draws, redundancy: Redundancy) -> Sums:
        """What some draws add to each image, (N,) in units of 1 / `ONE`; other threads run meanwhile."""
        from labelloop.core.zcore_kernels import Rule, score
        from labelloop.core.zcore_kernels_search import Pool, Room

        images = self.columns.shape[1]
        spare, sums = np.empty(images), np.zeros(images, dtype=np.int64)
        room = Room(np.empty(images, np.uint32), np.empty(images, self.columns.dtype), spare, spare.view(np.int64))
        rule = Rule(redundancy.neighbours + 1, int(redundancy.exponent), float(redundancy.eps))
        pool = Pool(_read_only(self.columns), _read_only(self.orders), _read_only(self.marks))
        dims, points = np.require(draws[0], requirements=["C", "W"]), np.require(draws[1], requirements=["C", "W"])
        score(pool, rule, room, dims, points, sums)
        return sums

    def by_numpy(self, redundancy: Redundancy) -> PoolIndex:
        """The same for `score_draws`, where the kernels of this pool cannot be had."""
        orders = self.orders if self.orders.shape[1] else None
        return PoolIndex.of(self.columns, orders, self.marks, neighbours=redundancy.neighbours + 1)


def _sort(columns: NDArray, orders: NDArray[np.uint32], dims: Sequence[int]) -> None:
    from labelloop.core.zcore_kernels_order import sort_dimensions

    if columns.dtype == np.float32:
        some = slice(dims[0], dims[-1] + 1)
        sort_dimensions(columns[some].view(np.ndarray).view(np.uint32), orders[some].view(np.ndarray))
        return
    for dim in dims:
        orders[dim] = np.argsort(columns[dim], kind="stable")


def _read_only(array: NDArray) -> NDArray:
    """A view that kernels are compiled for: other processes and files give no other."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view
