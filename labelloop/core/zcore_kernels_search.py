"""Compiled search of a pool: the same images as `core/zcore_index.py` finds, to the last of them.

A pool with orders is searched in windows of a sorted dimension, one without orders is scanned. Images are unsigned
numbers: of a signed one numba asks at each access whether it is negative.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore_index import MARK
from labelloop.core.zcore_jit import kernel
from labelloop.core.zcore_kernels_fetch import fetch

_SLACK = 1e-6  # wider than any rounding of a distance
_ROUNDING = 1e-15  # wider than the rounding of the ends of a window
_CACHED = 200_000  # images whose values in one dimension stay in the cache of a core
_LINE = 16  # values of a line of the cache
_AHEAD = 64  # images ahead of which a value is asked for; as measured, a million images take 0.6 of the time
_WIDE = 3  # from this part of all images on, a scan is quicker than a window


class Pool(NamedTuple):
    """Images by dimension.

    Attributes:
        columns: (d, N), float32 or float64.
        orders: (d, N) uint32, images of each dimension from least to greatest, equal ones by number; (d, 0): scan.
        marks: (d, ceil(N / MARK)), every MARK-th value in that order.
    """

    columns: NDArray
    orders: NDArray[np.uint32]
    marks: NDArray


class Room(NamedTuple):
    """Room for N images (uint32), their distances in the precision of columns and in float64, and the bits of these."""

    near: NDArray[np.uint32]
    far: NDArray
    spare: NDArray[np.float64]
    bits: NDArray[np.int64]


@kernel
def _distances(columns: NDArray, dims: NDArray[np.intp], point: NDArray, far: NDArray) -> None:
    """L1 distances of all images to a point, into `far`."""
    for place in range(len(dims)):
        column, coordinate = columns[dims[place]], point[place]
        if place == 0:
            for image in range(len(far)):
                far[image] = abs(column[image] - coordinate)
        else:
            for image in range(len(far)):
                far[image] += abs(column[image] - coordinate)


@kernel
def distances_of(
    columns: NDArray, dims: NDArray[np.intp], point: NDArray, some: NDArray[np.uint32], far: NDArray
) -> None:
    """L1 distances of some images to a point, into `far`."""
    for place in range(len(dims)):
        column, coordinate = columns[dims[place]], point[place]
        if place == 0:
            for at in range(len(some)):
                far[at] = abs(column[some[at]] - coordinate)
        else:
            for at in range(len(some)):
                far[at] += abs(column[some[at]] - coordinate)


@kernel
def scanned(columns: NDArray, dims: NDArray[np.intp], point: NDArray[np.float64], room: Room) -> int:
    """The nearest of all images to a point.

    No distance is negative, so that their bits are in their order; the least of whole numbers is found several at once.
    """
    _distances(columns, dims, point, room.spare)
    least = room.bits[0]
    for image in range(len(room.bits)):
        least = min(least, room.bits[image])
    image = 0
    while room.bits[image] != least:
        image += 1
    return image


@kernel
def everything(columns: NDArray, dims: NDArray[np.intp], centre: NDArray, room: Room) -> int:
    """Put all images and their distances into the room; returns how many they are."""
    _distances(columns, dims, centre, room.far)
    for image in range(len(room.near)):
        room.near[image] = image
    return len(room.near)


@kernel
def second_zero(far: NDArray) -> int:
    """Where the second zero is, or N."""
    zeros = 0
    for image in range(len(far)):
        zeros += far[image] == 0
    if zeros > 1:
        zeros = 0
        for image in range(len(far)):
            zeros += far[image] == 0
            if zeros == 2:
                return image
    return len(far)


@kernel
def below(values: NDArray, limit: float) -> int:
    """How many of some ascending values are below a limit."""
    first, last = 0, len(values)
    while first < last:
        middle = (first + last) >> 1
        if values[middle] < limit:
            first = middle + 1
        else:
            last = middle
    return first


@kernel
def _not_above(values: NDArray, limit: float) -> int:
    first, last = 0, len(values)
    while first < last:
        middle = (first + last) >> 1
        if values[middle] <= limit:
            first = middle + 1
        else:
            last = middle
    return first


@kernel
def _window(pool: Pool, dim: int, low: float, high: float) -> tuple[int, int]:
    """Places in the order of a dimension that hold all values of a range, and some more at its ends."""
    marks = pool.marks[dim]
    first = MARK * max(below(marks, low) - 1, 0)
    return first, min(MARK * _not_above(marks, high), pool.orders.shape[1])


@kernel
def twin(pool: Pool, dims: NDArray[np.intp], centre: NDArray, far: NDArray) -> int:
    """The second of the images that coincide with a centre, or N; equal values are in the order of images."""
    images = pool.columns.shape[1]
    place, first, last = _narrowest(pool, dims, centre, 0.0)
    order, seen = pool.orders[dims[place]], 0
    for start in range(first, last, MARK):
        some = order[start : min(start + MARK, last)]
        distances_of(pool.columns, dims, centre, some, far)
        for at in range(len(some)):
            if far[at] == 0:
                seen += 1
                if seen == 2:
                    return np.int64(some[at])
    return images


@kernel
def _narrowest(pool: Pool, dims: NDArray[np.intp], centre: NDArray, radius: float) -> tuple[int, int, int]:
    """Where a window of this radius holds the fewest images: place among `dims`, first and last of the order."""
    best, start, end = 0, 0, pool.columns.shape[1] + 1
    for place in range(len(dims)):
        coordinate = np.float64(centre[place])
        wide = radius * (1.0 + _SLACK) + abs(coordinate) * _ROUNDING
        first, last = _window(pool, dims[place], coordinate - wide, coordinate + wide)
        if last - first < end - start:
            best, start, end = place, first, last
    return best, start, end


@kernel
def around(pool: Pool, dims: NDArray[np.intp], centre: NDArray, count: int, room: Room) -> int:
    """Put images around a centre into the room, at least the `count` nearest; returns how many they are."""
    images, far = pool.columns.shape[1], room.far
    radius = _reach(pool, dims, centre, count)
    for _ in range(64):
        far[0] = radius  # in the precision of the distances
        radius = np.float64(far[0])
        place, first, last = _narrowest(pool, dims, centre, radius)
        if not (0.0 < radius < np.inf and _WIDE * (last - first) < images):
            break
        window = pool.orders[dims[place], first:last]
        found = _within(pool, dims, centre, place, window, room)
        if found >= count:
            return found
        radius *= max(1.15, min(2.0, (1.2 * count / max(found, 1)) ** (1.0 / len(dims))))
    return everything(pool.columns, dims, centre, room)


@kernel
def _touched(column: NDArray) -> int:
    """Bring a column into the cache in the order of its memory, which is quicker than here and there.

    Returns a number that has to be stored: compilers leave out what nobody wants to know.
    """
    total = 0
    for at in range(0, len(column), _LINE):
        total += column[at] > 0
    return total


@kernel
def _beside(column: NDArray, window: NDArray[np.uint32], coordinate: float, limit: float, room: Room) -> int:
    """Put images of a window that are near in another dimension into the room; returns how many they are."""
    near, far, found, after = room.near, room.far, np.uint64(0), 0
    if len(column) > _CACHED:
        after = max(len(window) - _AHEAD, 0)
        for at in range(after):
            fetch(column, window[at + _AHEAD])
            image = window[at]
            aside = abs(column[image] - coordinate)
            near[found], far[found] = image, aside
            found += np.uint64(aside <= limit)
    elif len(window) * MARK >= len(column):
        room.spare[0] = _touched(column)
    for at in range(after, len(window)):
        image = window[at]
        aside = abs(column[image] - coordinate)
        near[found], far[found] = image, aside
        found += np.uint64(aside <= limit)
    return np.int64(found)


@kernel
def _within(
    pool: Pool, dims: NDArray[np.intp], centre: NDArray, place: int, window: NDArray[np.uint32], room: Room
) -> int:
    """Images of a window of one dimension within the distance `room.far[0]`; most leave in another dimension."""
    columns, near, far = pool.columns, room.near, room.far
    limit, other = far[0], min(1 - min(place, 1), len(dims) - 1)
    found = _beside(columns[dims[other]], window, centre[other], limit, room)
    some = near[:found]
    if len(dims) == 2:  # a sum of two is the same in any order; one access less
        column, coordinate = columns[dims[place]], centre[place]
        for at in range(len(some)):
            far[at] += abs(column[some[at]] - coordinate)
    elif len(dims) > 2:
        distances_of(columns, dims, centre, some, far)
    kept = 0
    for at in range(len(some)):
        image, distance = some[at], far[at]
        near[kept], far[kept] = image, distance
        kept += distance <= limit
    return kept


@kernel
def _reach(pool: Pool, dims: NDArray[np.intp], centre: NDArray, count: int) -> float:
    """How far the `count` nearest most likely reach, as if the dimensions were independent of each other."""
    images, size = np.float64(pool.columns.shape[1]), len(dims)
    wanted = 1.1 * count + 2.0 * np.sqrt(count)
    share = wanted / images  # of a cube's images, 1 / size! lie in the ball
    for place in range(size):
        share *= place + 1
    share = min(share ** (1.0 / size), 1.0)
    half = np.int64(share * images / (2 * MARK)) + 1
    reach = 0.0
    for place in range(size):
        marks = pool.marks[dims[place]]
        at = below(marks, np.float64(centre[place]))
        low, high = max(at - half, 0), min(at + half, len(marks) - 1)
        reach = max(reach, np.float64(centre[place]) - marks[low], np.float64(marks[high]) - centre[place])
    for _ in range(2):
        inside = 1.0
        for place in range(size):
            coordinate = np.float64(centre[place])
            first, last = _window(pool, dims[place], coordinate - reach, coordinate + reach)
            inside *= max(last - first - MARK, 1) / (images * share)
        reach /= inside ** (1.0 / size)
    return reach
