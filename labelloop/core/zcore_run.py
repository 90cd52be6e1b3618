"""How ZCore is computed, none of which changes a score: by whom, in what order, in how much memory, from where on."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from logging import getLogger

import numpy as np
from numpy.typing import NDArray

from labelloop.core.engine import Engine
from labelloop.core.paging import fetch, let_go
from labelloop.core.zcore_draws import Draws, by_tile
from labelloop.core.zcore_rows import Make, PoolRows
from labelloop.core.zcore_rules import Sums

_log = getLogger(__name__).warning
_BLOCK = 1000  # draws of one piece of work
_FAR = 10_000  # most draws of a piece that is sent away, for the answer holds a number for every image
_EACH = 4  # pieces that each worker gets at least, so that none waits for the last long
# Draws of two dimensions that are put in order together: the more, the longer a dimension is in the cache. They take
# about 80 MB, and as much where fewer draws look at more dimensions each.
_SPAN = 400_000
_OWN = 300 << 20  # bytes of the process itself
_ABOUT = 1.5  # a tile that is larger than what fits by no more than this is gone on with
_IMAGE = 100  # bytes for each image besides its values, and as many again for two workers


@dataclass(frozen=True, eq=False)
class Kept:
    """What the first draws of an order add up to; the rest may be added by another process.

    Attributes:
        order: Names the order.
        done: How many draws.
        sums: (N,), by image in canonical order.
        tile: The tile that the order follows from; 0: there is none.
    """

    order: str
    done: int
    sums: Sums
    tile: int = 0


@dataclass(frozen=True)
class Execution:
    """How scores are computed.

    Attributes:
        engine: What works on draws; None: threads.
        kept: Where an earlier process was; of another order it is not used.
        keep: Called with what is done, after each piece; what it is given may change afterwards.
        memory: Bytes that may be taken; 0: as many as it takes.
        make: Makes the large arrays where they take more than that, in a file.
        log: Told once why kernels are not used where they should be.
    """

    engine: Engine | None = None
    kept: Kept | None = None
    keep: Callable[[Kept], None] | None = None
    memory: int = 0
    make: Make = np.empty
    log: Callable[[str], None] = _log

    def tile_of(self, pool: PoolRows) -> int:
        """Dimensions that may be in memory at a time; 0: all."""
        if not self.memory or (self.engine is not None and self.engine.far):
            return 0
        fits = self.fitting(pool)
        # What was kept belongs to an order that follows from its tile; how much is free differs from run to run.
        if self.kept is not None and self.kept.tile and (not fits or self.kept.tile <= _ABOUT * fits):
            return self.kept.tile
        return fits

    def fitting(self, pool: PoolRows) -> int:
        """Dimensions that the memory holds at a time; 0: all."""
        dimension = len(pool) * (pool.kind.itemsize + 4)
        spare = self.memory - _OWN - len(pool) * _IMAGE - len(pool.kept) * dimension // 60
        # Two are looked at, and a thread may still be at one of before.
        return 0 if spare > len(pool.kept) * dimension else max(spare // (3 * dimension) // 8 * 8, 8)


@dataclass(frozen=True)
class Order:
    """All draws, in an order that is quick and the same whoever scores them.

    Attributes:
        draw: Gives a range of draws.
        count: How many there are.
        tile: See `by_tile`.
        size: Dimensions that each looks at.
    """

    draw: Callable[[range], Draws]
    count: int
    tile: int
    size: int = 2

    @property
    def name(self) -> str:
        """Differs where the order differs."""
        return f"{self.count} draws, {self.span} together, tiles of {self.tile}"

    @property
    def span(self) -> int:
        """Draws that are put in order together: a part of all dimensions is best read once."""
        return max(self.count, 1) if self.tile else max(2 * _SPAN // self.size, _BLOCK)

    def pieces(self, start: int, size: int) -> Iterator[Draws]:
        """The draws from a place of the order on, in pieces of at most so many."""
        for first in range(start - start % self.span, self.count, self.span):
            draws = by_tile(self.draw(range(first, min(first + self.span, self.count))), self.tile)
            for low, high in itertools.pairwise(self._cuts(draws[0])):
                for place in range(max(start - first, low), high, size):
                    some = slice(place, min(place + size, high))
                    yield draws[0][some], draws[1][some]

    def _cuts(self, dims: NDArray[np.intp]) -> list[int]:
        """Where others than two tiles are looked at, and both ends."""
        if not self.tile:
            return [0, len(dims)]
        low, high = dims.min(axis=1) // self.tile, dims.max(axis=1) // self.tile
        return [0, *(np.flatnonzero((np.diff(low) != 0) | (np.diff(high) != 0)) + 1).tolist(), len(dims)]


def piece_size(engine: Engine, draws: int) -> int:
    """Draws of a piece of work."""
    return min(max(draws // (_EACH * engine.workers), _BLOCK), _FAR) if engine.far else _BLOCK


def tile_by_tile(pieces: Iterator[Draws], tile: int, *arrays: NDArray) -> Iterator[Draws]:
    """The same pieces; of the rows of arrays in files, those of the tiles that a piece looks at are in memory."""
    present: set[int] = set()
    for piece in pieces:
        wanted = set(np.unique(piece[0] // tile).tolist())
        for array in arrays:
            for number in present - wanted:
                let_go(array[number * tile : (number + 1) * tile])
            for number in wanted - present:
                fetch(array[number * tile : (number + 1) * tile])
        present = wanted
        yield piece
