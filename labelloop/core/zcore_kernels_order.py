"""Compiled sorting: the images of a dimension by value, and the nearest of some images."""

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore_jit import kernel

_DIGIT = 11  # bits of a digit
_BUCKETS = 1 << _DIGIT
_FEW = 256  # so many are told apart without counting digits


@kernel
def sort_dimensions(bits: NDArray[np.uint32], orders: NDArray[np.uint32]) -> None:
    """Images of each dimension from least to greatest, equal ones by number, into `orders` (d, N).

    `bits` (d, N) are those of float32 values: they are in the order of the values, but for the sign.
    """
    images = bits.shape[1]
    keys, spare = np.empty(images, np.uint32), np.empty(images, np.uint32)
    moved = np.empty(images, np.uint32)
    for dim in range(len(bits)):
        order = orders[dim]
        for image in range(images):
            own = bits[dim, image]
            if own == np.uint32(0x80000000):  # -0.0 equals 0.0
                own = np.uint32(0)
            keys[image] = ~own if own >> np.uint32(31) else own | np.uint32(0x80000000)
            moved[image] = image
        _by_digit(keys, moved, spare, order, np.uint32(0))
        _by_digit(spare, order, keys, moved, np.uint32(_DIGIT))
        _by_digit(keys, moved, spare, order, np.uint32(2 * _DIGIT))


@kernel
def _by_digit(
    keys: NDArray[np.uint32], images: NDArray[np.uint32], sorted_keys: NDArray[np.uint32],
    sorted_images: NDArray[np.uint32], shift: np.uint32,
) -> None:  # fmt: skip
    """One pass of a radix sort from the last digit to the first: stable."""
    starts = np.zeros(_BUCKETS, np.uint32)
    for place in range(len(keys)):
        starts[(keys[place] >> shift) & np.uint32(_BUCKETS - 1)] += np.uint32(1)
    total = np.uint32(0)
    for digit in range(_BUCKETS):
        count = starts[digit]
        starts[digit] = total
        total += count
    for place in range(len(keys)):
        digit = (keys[place] >> shift) & np.uint32(_BUCKETS - 1)
        to = starts[digit]
        sorted_keys[to], sorted_images[to] = keys[place], images[place]
        starts[digit] = to + np.uint32(1)


@kernel
def closest(near: NDArray[np.uint32], far: NDArray, found: int, count: int) -> None:
    """Bring the `count` nearest of `found` images to the front, in no particular order; ties go to the lower image.

    Digits of the distance, as float32, are counted from the first on, until few remain that share all digits with the
    last of the nearest.
    """
    start, end = np.int64(0), found  # of one type for all calls, so that these are compiled once
    counts = np.empty(_BUCKETS, np.int64)
    for level in range(3):
        if end - start <= _FEW or end <= count:
            break
        shift = np.uint32(max(31 - _DIGIT * (level + 1), 0))
        for bucket in range(_BUCKETS):
            counts[bucket] = 0
        digit = np.int64(0)
        for place in range(start, end):
            own = _digit(far[place], shift)
            counts[own] += 1
            digit = max(digit, np.int64(own))
        after = end
        while after - counts[digit] >= count:
            after -= counts[digit]
            digit -= 1
        end = _up_to(near, far, start, end, shift, digit)
        start = _first(near, far, start, end, shift, digit)
    if end > count:
        _select(near, far, start, end, count)


@kernel
def _digit(distance: float, shift: np.uint32) -> np.uint32:
    return (np.float32(distance).view(np.uint32) >> shift) & np.uint32(_BUCKETS - 1)


@kernel
def _up_to(near: NDArray[np.uint32], far: NDArray, start: int, end: int, shift: np.uint32, digit: int) -> int:
    """Drop images whose digit is greater; returns the new end."""
    to = np.uint64(start)
    for place in range(start, end):
        distance = far[place]
        near[to], far[to] = near[place], distance
        to += np.uint64(_digit(distance, shift) <= digit)
    return np.int64(to)


@kernel
def _first(near: NDArray[np.uint32], far: NDArray, start: int, end: int, shift: np.uint32, digit: int) -> int:
    """Bring images whose digit is less to the front; returns where those of this digit start."""
    to = np.uint64(start)
    for place in range(start, end):
        image, distance = near[place], far[place]
        near[place], far[place] = near[to], far[to]
        near[to], far[to] = image, distance
        to += np.uint64(_digit(distance, shift) < digit)
    return np.int64(to)


@kernel
def _select(near: NDArray[np.uint32], far: NDArray, start: int, end: int, count: int) -> None:
    """Hoare's selection by distance and image."""
    first, last = start, end - 1
    while first < last:
        middle = (first + last) >> 1
        image, distance = near[middle], far[middle]
        low, high = first, last
        while low <= high:
            while far[low] < distance or (far[low] == distance and near[low] < image):
                low += 1
            while far[high] > distance or (far[high] == distance and near[high] > image):
                high -= 1
            if low <= high:
                near[low], near[high] = near[high], near[low]
                far[low], far[high] = far[high], far[low]
                low += 1
                high -= 1
        if count - 1 <= high:
            last = high
        elif count - 1 >= low:
            first = low
        else:
            break
