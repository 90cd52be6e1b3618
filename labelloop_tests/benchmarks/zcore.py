"""ZCore against the published loop, side by side: `python -m labelloop_tests.benchmarks.zcore [--large]`.

Ours by numpy, ours compiled and the tutorial's loop as it is described score draws in turn, in one process on one
thread. Only ratios are worth quoting. Seconds are those of 10,000 draws, of which each makes some, by the processor, so
that other work on the machine counts little. What is made once is told apart: the index of each of ours, and the time
until kernels are there (compiled if the cache was empty). Memory is what each holds on top of the embeddings: ours a
copy by dimensions and its index. Compiled draws are a stretch of a whole job in its order (10,000 draws, at a million
images 100,000), of which many look at the same dimensions one after the other. `--large` adds a million images of 512
dimensions, for which 10 GB of memory are needed.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore_compiled import CompiledPool
from labelloop.core.zcore_draws import Draws, Spread, by_tile, counter_draws
from labelloop.core.zcore_index import PoolIndex
from labelloop.core.zcore_rules import Redundancy, score_draws
from labelloop_tests.benchmarks.side_by_side import HEADER, Times, growth, line, peak

ROUNDS, TOLD = 5, 10_000
JOBS = {1_000_000: 100_000}  # draws of a whole job; 10,000 where it is not said
# images, dimensions, neighbours, draws of a round: compiled, by numpy, theirs
SIZES = [
    (1_000, 512, 50, 10_000, 2000, 500),
    (10_000, 512, 100, 10_000, 1000, 60),
    (100_000, 512, 1000, 4000, 200, 6),
]
LARGE = (1_000_000, 512, 1000, 1500, 20, 2)
BARS = {1_000: 10, 10_000: 40, 100_000: 50, 1_000_000: 200}

Made = TypeVar("Made", PoolIndex, CompiledPool)


@dataclass
class Found:
    """Of one pool.

    Attributes:
        theirs, plain, compiled: Seconds of `TOLD` draws; `plain` is ours by numpy.
        index: Seconds that the indices of ours took, by numpy and compiled.
        memory: MB of each.
        gain: What a second thread gains, by the clock.
    """

    theirs: Times = field(default_factory=Times)
    plain: Times = field(default_factory=Times)
    compiled: Times = field(default_factory=Times)
    index: tuple[float, float] = (0.0, 0.0)
    memory: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gain: float = 1.0


def main() -> None:
    """Print seconds of draws, ratios, memory, and how the time grows with the number of images."""
    print(f"load {os.getloadavg()[0]:.1f}, kernels ready after {cpu(warm_up):.1f} s of the processor")
    print(f"seconds of {TOLD} draws\n{HEADER}")
    known: list[tuple[int, list[Times]]] = []
    for size in [*SIZES, *([LARGE] if "--large" in sys.argv else [])]:
        images, found = size[0], compare(*size)
        theirs, plain, compiled = found.memory
        print(line(f"{images} by numpy", found.theirs, found.plain, 0, (theirs, plain)))
        print(line(f"{images} compiled", found.theirs, found.compiled, BARS[images], (theirs, compiled)))
        print(
            f"{'':>26} index by numpy {found.index[0]:.2f} s, compiled {found.index[1]:.2f} s; "
            f"a second thread makes it {found.gain:.2f} times as fast",
            flush=True,
        )
        known.append((images, [found.theirs, found.plain, found.compiled]))
    print(*growth(known, names=("theirs", "numpy", "compiled")), sep="\n")
    print(f"load {os.getloadavg()[0]:.1f}")


def compare(images: int, dims: int, neighbours: int, draws: int, numpy_draws: int, their_draws: int) -> Found:
    """Score draws of one pool in each way."""
    rows, redundancy, found = mixture(images, dims), Redundancy(neighbours, 4), Found()
    columns = np.ascontiguousarray(rows.T)
    spread = Spread.of(columns)
    their = counter_draws(9, range(their_draws), spread, 2)
    job = by_tile(counter_draws(1, range(JOBS.get(images, 10_000)), spread, 2))
    few = job[0][:numpy_draws], job[1][:numpy_draws]
    index, plain_s, plain_mb = made(
        lambda: index_of(columns, neighbours), lambda index: score_draws(index, few, redundancy)
    )
    pool, pool_s, pool_mb = made(lambda: CompiledPool.build(columns, 1), lambda pool: pool.score(few, redundancy))
    copied = columns.nbytes / 2**20
    found.index = plain_s, pool_s
    found.memory = peak(lambda: published(rows, *their, neighbours)), copied + plain_mb, copied + pool_mb
    for number in range(ROUNDS):
        first = number * (len(job[0]) - draws) // ROUNDS
        own = job[0][first : first + draws], job[1][first : first + draws]
        some = (own[0][:numpy_draws], own[1][:numpy_draws])
        found.theirs.add(lambda: published(rows, *their, neighbours), scale=TOLD / their_draws)
        found.plain.add(lambda: score_draws(index, some, redundancy), scale=TOLD / numpy_draws)
        found.compiled.add(lambda: pool.score(own, redundancy), scale=TOLD / draws)
        assert (pool.score(some, redundancy) == score_draws(index, some, redundancy)).all()
    alone, both = (wall(lambda: in_threads(pool, own, redundancy, threads)) for threads in (1, 2))
    found.gain = alone / both
    return found


def made(make: Callable[[], Made], use: Callable[[Made], object]) -> tuple[Made, float, float]:
    """What was made and used, the processor's seconds to make it, and the most MB of both."""
    kept: list[Made] = []
    seconds = Times()

    def work() -> None:
        seconds.add(lambda: kept.append(make()))
        use(kept[0])

    memory = peak(work)
    return kept[0], seconds.cpu[0], memory


def index_of(columns: NDArray, neighbours: int) -> PoolIndex:
    """Of numpy; a million images are not sorted but for a few draws, as nobody would wait for that."""
    uses = 1e9 if columns.shape[1] < LARGE[0] else 0
    return PoolIndex.build(columns, neighbours=neighbours + 1, uses=uses, threads=1)


def in_threads(pool: CompiledPool, draws: Draws, redundancy: Redundancy, threads: int) -> None:
    """Score draws in so many parts at once."""
    cuts = np.linspace(0, len(draws[0]), threads + 1).astype(int)
    parts = [(draws[0][a:b], draws[1][a:b]) for a, b in itertools.pairwise(cuts)]
    with ThreadPoolExecutor(threads) as workers:
        list(workers.map(lambda part: pool.score(part, redundancy), parts))


def warm_up() -> None:
    """Score a few draws, so that what compiles is compiled."""
    columns = np.ascontiguousarray(mixture(4000, 4).T)
    pool = CompiledPool.build(columns, 1)
    pool.score(counter_draws(0, range(2), pool.spread, 2), Redundancy(10, 4))


def published(rows: NDArray, dims: NDArray, points: NDArray, neighbours: int) -> NDArray:
    """The loop of the tutorial over given draws."""
    scores = np.zeros(len(rows))
    for dim, point in zip(dims, points, strict=True):
        published_draw(rows, dim, point, neighbours, scores, eps=1e-8)
    return scores


def published_draw(rows: NDArray, dim: NDArray, point: NDArray, neighbours: int, scores: NDArray, *, eps: float) -> int:
    """What both published loops do with a draw, which differ in eps; the image that is rewarded.

    `core/test_zcore.py` holds scores of ours to it.
    """
    nearest = int(np.argmin(np.sum(np.abs(rows[:, dim] - point), axis=1)))
    scores[nearest] += 1
    distance = np.sum(np.abs(rows[:, dim] - rows[nearest, dim]), axis=1)
    others = np.argsort(distance)[1:]
    if distance[others[0]] == 0:
        scores[others[0]] -= 1
        return nearest
    others = others[:neighbours]
    share = 1 / (distance[others] ** 4 + eps)
    scores[others] -= share / share.sum()
    return nearest


def mixture(images: int, dims: int) -> NDArray[np.float32]:
    """Unit rows around 50 centres that fill a part of the dimensions."""
    rng = np.random.default_rng(0)
    base = rng.standard_normal((min(64, dims), dims), dtype=np.float32) / 8
    rows = np.empty((images, dims), dtype=np.float32)
    centres = 2 * rng.standard_normal((50, len(base)), dtype=np.float32)
    for first in range(0, images, 10_000):
        count = min(10_000, images - first)
        own = centres[rng.integers(0, 50, count)] + rng.standard_normal((count, len(base)), dtype=np.float32)
        block = own @ base + 0.1 * rng.standard_normal((count, dims), dtype=np.float32)
        rows[first : first + count] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return rows


def cpu(work: Callable[[], object]) -> float:
    """Seconds of processor time of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def wall(work: Callable[[], object]) -> float:
    """Seconds by the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
