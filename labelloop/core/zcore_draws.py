"""The random points of ZCore: which dimensions each is drawn in, and where it lies there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11))
_BLOCK = 1 << 16  # values that are looked at together
_TILE = 2  # dimensions together whose values and order fit into the cache, of a million images

Draws = tuple[NDArray[np.intp], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Spread:
    """Least, median and greatest value of each dimension, each (d,) float64."""

    low: NDArray[np.float64]
    middle: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, columns: NDArray) -> "Spread":
        """Spread of the rows of `columns` (d, N); the median in their own precision, as the tutorial has it."""
        step = max(_BLOCK // max(columns.shape[1], 1), 1)  # numpy copies what it finds the median of
        blocks = [columns[first : first + step] for first in range(0, len(columns), step)]
        found = [[f(block, axis=1) for block in blocks] for f in (np.min, np.median, np.max)]
        return cls(*(np.concatenate([np.zeros(0), *each]) for each in found))


def counter_draws(seed: int, draws: range, spread: Spread, size: int) -> Draws:
    """Dimensions and coordinates of a range of draws, both (len(draws), size).

    Draw i depends on the seed and on i alone, so any range can be computed anywhere: uniform numbers are SplitMix64
    (Steele, Lea, Flood, OOPSLA 2014) of a counter, subsets follow Robert Floyd's method.
    """
    total = len(spread.low)
    uniform = _uniform(seed, draws, 2 * size)
    dims = np.empty((len(draws), size), dtype=np.intp)
    for place, last in enumerate(range(total - size, total)):
        candidate = (uniform[:, place] * (last + 1)).astype(np.intp)
        taken = (dims[:, :place] == candidate[:, None]).any(axis=1)
        dims[:, place] = np.where(taken, last, candidate)
    return dims, _triangular(uniform[:, size:], spread, dims)


def numpy_draws(seed: int, count: int, spread: Spread, size: int, rows: int) -> tuple[NDArray[np.float64], Draws]:
    """Start scores (rows,) and all draws of the published loops after `np.random.seed(seed)`.

    A dimension in which all images coincide, for which those loops have no answer, gives its one value.
    """
    stream = np.random.RandomState(seed)
    start = stream.uniform(0, 1, rows)
    dims, points = np.empty((count, size), dtype=np.intp), np.empty((count, size))
    for number in range(count):
        dims[number] = stream.choice(len(spread.low), size, replace=False)
        low, middle, high = (values[dims[number]] for values in (spread.low, spread.middle, spread.high))
        points[number] = low
        varying = low < high
        if varying.any():
            points[number, varying] = stream.triangular(low[varying], middle[varying], high[varying])
    return start, (dims, points)


def by_tile(draws: Draws, tile: int = 0) -> Draws:
    """The same draws in an order in which those that follow each other look at the same few dimensions.

    Args:
        draws: In any order.
        tile: Dimensions that are in memory at a time, so that two such parts of all dimensions are done with before
            one of them is left; 0: all are.
    """
    low, high = draws[0].min(axis=1), draws[0].max(axis=1)
    keys = [high, low, high // _TILE, low // _TILE]
    if tile:
        outer = low // tile
        keys += [np.where(outer % 2, -(high // tile), high // tile), outer]  # back and forth: one of two parts stays
    order = np.lexsort(keys)
    return draws[0][order], draws[1][order]


def _uniform(seed: int, draws: range, columns: int) -> NDArray[np.float64]:
    """Numbers in [0, 1), (len(draws), columns), by draw number and column."""
    first = np.uint64(seed % 2**64)
    start = mixed(first * np.ones(1, dtype=np.uint64))
    counters = np.arange(draws.start * columns + 1, draws.stop * columns + 1, dtype=np.uint64)
    bits = mixed(start + counters * _GOLDEN)
    return ((bits >> _SHIFTS[3]).astype(np.float64) * 2.0**-53).reshape(len(draws), columns)


def mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers that look random, one for each number: the finaliser of SplitMix64."""
    state = (state ^ (state >> _SHIFTS[0])) * _MIX[0]
    state = (state ^ (state >> _SHIFTS[1])) * _MIX[1]
    return np.asarray(state ^ (state >> _SHIFTS[2]))


def _triangular(uniform: NDArray[np.float64], spread: Spread, dims: NDArray[np.intp]) -> NDArray[np.float64]:
    """Triangular between least and greatest value with the median as mode, by the inverse of its distribution."""
    low, middle, high = spread.low[dims], spread.middle[dims], spread.high[dims]
    width = high - low
    left = low + np.sqrt(uniform * width * (middle - low))
    right = high - np.sqrt((1.0 - uniform) * width * (high - middle))
    return np.asarray(np.where(uniform * width < middle - low, left, right))
