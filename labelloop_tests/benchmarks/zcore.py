"""ZCore against the published loop, side by side: `python -m labelloop_tests.benchmarks.zcore [--large]`.

Ours by numpy, ours compiled and the tutorial's loop as it is described score draws in turn, in one process on one
thread. Only ratios are worth quoting. Times are of the processor, so that other work on the machine counts little.
What is made once is told apart: the index of each of ours, and the time until kernels are there (compiled if the cache
was empty). Compiled draws are a stretch of a whole job in its order (10,000 draws, at a million images 100,000), of
which many look at the same dimensions one after the other. `--large` adds a million images of 512 dimensions, for which
10 GB of memory are needed.
"""

import itertools
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore_compiled import CompiledPool
from labelloop.core.zcore_draws import Draws, by_tile, counter_draws
from labelloop.core.zcore_index import PoolIndex
from labelloop.core.zcore_rules import Redundancy, score_draws

ROUNDS = 5
JOBS = {1_000_000: 100_000}  # draws of a whole job; 10,000 where it is not said
# images, dimensions, neighbours, draws of a round: compiled, by numpy, theirs
SIZES = [
    (1_000, 512, 50, 10_000, 2000, 500),
    (10_000, 512, 100, 10_000, 1000, 60),
    (100_000, 512, 1000, 4000, 200, 6),
]
LARGE = (1_000_000, 512, 1000, 1500, 20, 2)
BARS = {1_000: 10, 10_000: 40, 100_000: 50, 1_000_000: 200}


def main() -> None:
    """Print microseconds for a draw, ratios, and how the time grows with the number of images."""
    print(f"load {os.getloadavg()[0]:.1f}, kernels ready after {cpu(warm_up):.1f} s of the processor")
    print(
        f"{'images':>9} {'nn':>5} {'theirs us':>10} {'numpy us':>9} {'ratio':>7} {'compiled us':>11} {'ratio':>7} {'min':>6} {'max':>6} {'bar':>5} {'index s':>8} {'of numpy':>8} {'2 threads':>9} {'peak GB':>8}"
    )
    known: list[tuple[int, list[float]]] = []
    for size in [*SIZES, *([LARGE] if "--large" in sys.argv else [])]:
        images, _, neighbours, *_ = size
        times, (index, numpy_index), both = compare(*size)
        theirs, plain, ours = (1e6 * statistics.median(of) for of in times)
        by_numpy = statistics.median(a / b for a, b in zip(times[0], times[1], strict=True))
        ratios = [a / b for a, b in zip(times[0], times[2], strict=True)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{images:>9} {neighbours:>5} {theirs:>10.0f} {plain:>9.0f} {by_numpy:>7.1f} {ours:>11.1f} {statistics.median(ratios):>7.1f} {min(ratios):>6.1f} {max(ratios):>6.1f} {BARS[images]:>5} {index:>8.2f} {numpy_index:>8.2f} {both:>9.2f} {peak:>8.2f}",
            flush=True,
        )
        known.append((images, [theirs, plain, ours]))
    for (few, first), (many, last) in itertools.pairwise(known):
        growth = [np.log(b / a) / np.log(many / few) for a, b in zip(first, last, strict=True)]
        print(f"{few} to {many} images: theirs N^{growth[0]:.2f}, numpy N^{growth[1]:.2f}, compiled N^{growth[2]:.2f}")
    print(f"load {os.getloadavg()[0]:.1f}")


def compare(
    images: int, dims: int, neighbours: int, draws: int, numpy_draws: int, their_draws: int
) -> tuple[list[list[float]], tuple[float, float], float]:
    """Seconds for a draw of theirs, by numpy and compiled in each round; for either index; gain of a thread (wall)."""
    rows = mixture(images, dims)
    columns = np.ascontiguousarray(rows.T)
    redundancy = Redundancy(neighbours, 4)
    indices: list[PoolIndex] = []
    numpy_index = cpu(lambda: indices.append(index_of(columns, neighbours)))
    pools: list[CompiledPool] = []
    index = cpu(lambda: pools.append(CompiledPool.build(columns, 1)))
    spread = pools[0].spread
    their = counter_draws(9, range(their_draws), spread, 2)
    job = by_tile(counter_draws(1, range(JOBS.get(images, 10_000)), spread, 2))
    times: list[list[float]] = [[], [], []]
    for number in range(ROUNDS):
        first = number * (len(job[0]) - draws) // ROUNDS
        own = job[0][first : first + draws], job[1][first : first + draws]
        some = (own[0][:numpy_draws], own[1][:numpy_draws])
        times[0].append(cpu(lambda: published(rows, *their, neighbours)) / their_draws)
        times[1].append(cpu(lambda: score_draws(indices[0], some, redundancy)) / numpy_draws)
        times[2].append(cpu(lambda: pools[0].score(own, redundancy)) / draws)
        assert (pools[0].score(some, redundancy) == score_draws(indices[0], some, redundancy)).all()
    alone, both = (wall(lambda: in_threads(pools[0], own, redundancy, threads)) for threads in (1, 2))
    return times, (index, numpy_index), alone / both


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


def published_draw(
    rows: NDArray, dim: NDArray, point: NDArray, neighbours: int, scores: NDArray, *, eps: float
) -> None:
    """What both published loops do with a draw; they differ in eps."""
    nearest = np.argmin(np.sum(np.abs(rows[:, dim] - point), axis=1))
    scores[nearest] += 1
    distance = np.sum(np.abs(rows[:, dim] - rows[nearest, dim]), axis=1)
    others = np.argsort(distance)[1:]
    if distance[others[0]] == 0:
        scores[others[0]] -= 1
        return
    others = others[:neighbours]
    share = 1 / (distance[others] ** 4 + eps)
    scores[others] -= share / share.sum()


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
