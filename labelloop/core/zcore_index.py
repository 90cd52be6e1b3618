"""Who lies near a point in a few dimensions, exactly: a sorted window where it pays, a scan where it does not.

An image within L1 distance r of a point is within r of it in each dimension, also after rounding, because sums of
distances are never rounded below their parts. So only the images in a window of one sorted dimension need be looked at.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WINDOWS_FROM = 30_000  # images from which a window is quicker than a scan, as measured
_USES = 8  # draws in a dimension that pay for sorting it
_EXPECTED = 8  # of the neighbours wanted, how many are expected among the images that tell how far they reach
_SLACK = 1e-5  # wider than any rounding of a distance
_ROUNDING = 1e-6  # wider than any rounding of the ends of a window
MARK = 32  # images from one mark to the next
_GROW = 1.6

Dims = Sequence[int] | NDArray[np.intp]
Found = tuple[NDArray[np.intp], NDArray]


@dataclass(frozen=True, eq=False)
class PoolIndex:
    """Images by dimension.

    Attributes:
        columns: (d, N), float32 or float64; distances are computed in this precision.
        orders: (d, N), the images of each dimension from least to greatest; None: scan.
        marks: (d, N / 32), every 32nd value in that order: where a value belongs is looked up here.
        few: (d, N / stride), every stride-th image.
        stride: See `few`.
    """

    columns: NDArray
    orders: NDArray[np.integer] | None
    marks: NDArray
    few: NDArray
    stride: int

    @classmethod
    def build(cls, columns: NDArray, *, neighbours: int, uses: float, threads: int) -> "PoolIndex":
        """Index for draws that look at each dimension about `uses` times and want so many neighbours."""
        pays = columns.shape[1] >= _WINDOWS_FROM and uses >= _USES and neighbours < columns.shape[1] // 8
        if not pays:
            return cls.of(columns, None, columns[:, :0], neighbours=neighbours)
        orders = _sorted(columns, threads)
        marks = np.take_along_axis(columns, orders[:, ::MARK], axis=1)
        return cls.of(columns, orders, marks, neighbours=neighbours)

    @classmethod
    def of(
        cls, columns: NDArray, orders: NDArray[np.integer] | None, marks: NDArray, *, neighbours: int
    ) -> "PoolIndex":
        """Index of images that are sorted already, or are to be scanned."""
        stride = max(8, neighbours // _EXPECTED)
        return cls(columns, orders, marks, np.ascontiguousarray(columns[:, ::stride]), stride)

    def nearest(self, dims: Dims, point: NDArray[np.float64]) -> int:
        """The image nearest to a point in some dimensions; the lowest of those equally near."""
        if self.orders is not None:
            reach = self._reach(dims, point)
            window, _ = self._window(dims, point, reach)
            if window is not None:
                near = self._distances(dims, point, window)
                return int(window.take(np.flatnonzero(near == near.min())).min())
        return int(np.argmin(self._distances(dims, point)))

    def around(self, dims: Dims, image: int, count: int) -> Found:
        """Images around one, and their distances: at least the `count` nearest, or all that coincide with it."""
        centre = self.columns[dims, image]
        if self.orders is not None:
            radius = self._radius(dims, centre, count)
            while radius > 0.0:
                window, place = self._window(dims, centre, radius)
                if window is None:
                    break
                images, near = self._within(dims, centre, window, place, radius)
                if len(near) >= count or np.count_nonzero(near == 0.0) > 1:
                    return images, near
                radius *= _GROW
        near = self._distances(dims, centre)
        images = np.flatnonzero(near <= self._edge(near, count))
        return images, near[images]

    def _within(self, dims: Dims, centre: NDArray, window: NDArray, place: int, radius: float) -> Found:
        """The images of a window within L1 distance `radius`, and how far they are; most leave in another dimension."""
        for other in range(len(dims)):
            if other != place:
                aside = np.abs(self.columns[dims[other]].take(window, mode="clip") - centre[other])
                window = window.take(np.flatnonzero(aside <= radius))  # a third of the time of a mask
        near = self._distances(dims, centre, window)
        inside = np.flatnonzero(near <= radius)
        return window.take(inside), near.take(inside)

    def _distances(self, dims: Dims, point: NDArray, rows: NDArray[np.intp] | None = None) -> NDArray:
        """L1 distance of images to a point, in the precision of the two."""
        total: NDArray | None = None
        for dim, coordinate in zip(dims, point, strict=True):
            column = self.columns[dim]
            part = np.abs((column if rows is None else column.take(rows, mode="clip")) - coordinate)
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None  # noqa: S101  a draw has a dimension
        return total

    def _reach(self, dims: Dims, point: NDArray[np.float64]) -> float:
        """A distance within which there is an image for certain: that of the best among those beside the point."""
        assert self.orders is not None  # noqa: S101
        marks, order = self.marks[dims[0]], self.orders[dims[0]]
        at = min(MARK * int(marks.searchsorted(marks.dtype.type(point[0]))), len(order))
        half = int(len(order) ** 0.5) // 2 + 1
        return float(self._distances(dims, point, order[max(at - half, 0) : at + half]).min())

    def _window(self, dims: Dims, point: NDArray, radius: float) -> tuple[NDArray | None, int]:
        """All images within the radius in the dimension where they are fewest, and its place among `dims`.

        None where they are so many that a scan is quicker.
        """
        assert self.orders is not None  # noqa: S101
        best, fewest, place = None, self.columns.shape[1] // 3, 0
        kind = self.marks.dtype.type
        for number, (dim, coordinate) in enumerate(zip(dims, point, strict=True)):
            marks, centre = self.marks[dim], float(coordinate)
            wide = radius * (1.0 + _SLACK) + abs(centre) * _ROUNDING
            # A mark below the window begins a block that may end in it.
            first = MARK * max(int(marks.searchsorted(kind(centre - wide), side="left")) - 1, 0)
            last = MARK * int(marks.searchsorted(kind(centre + wide), side="right"))
            if last - first < fewest:
                best, fewest, place = self.orders[dim][first:last], last - first, number
        return best, place

    def _radius(self, dims: Dims, centre: NDArray, count: int) -> float:
        """How far the `count` nearest most likely reach, from a sample of the images."""
        sample = np.abs(self.few[dims[0]] - centre[0])
        for dim, coordinate in zip(dims[1:], centre[1:], strict=True):
            sample += np.abs(self.few[dim] - coordinate)
        return float(_ranked(sample, count / self.stride))

    def _edge(self, near: NDArray, count: int) -> float:
        """The `count`-th distance in ascending order."""
        few = near[:: self.stride]
        limit = _ranked(few, count / self.stride) if len(few) > 4 * _EXPECTED else np.inf
        inside = near[near <= limit] if np.isfinite(limit) else near
        if len(inside) < count:
            inside = near
        return float(np.partition(inside, count - 1)[count - 1])


def _ranked(sample: NDArray, expected: float) -> float:
    """A value that most likely has more than the expected number of values below it."""
    rank = int(expected + 2.5 * expected**0.5) + 1
    return float(np.partition(sample, rank)[rank]) if rank < len(sample) else float(sample.max())


def _sorted(columns: NDArray, threads: int) -> NDArray[np.int32]:
    orders = np.empty(columns.shape, dtype=np.int32)

    def sort(dim: int) -> None:
        orders[dim] = np.argsort(columns[dim])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(sort, range(len(columns))))
    return orders
