"""ZCore against the published loop, side by side: `python -m labelloop_tests.benchmarks.zcore [--large]`.

Both score draws in turn in one process on one thread, the reference being the tutorial's loop as it is described. Only
the ratio is worth quoting. Times are of the processor, so that other work on the machine counts little; what is made
once (our index, their spread) is told apart. `--large` adds a million images of 128 dimensions.
"""

import itertools
import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore import zcore_scores
from labelloop.core.zcore_draws import Spread, counter_draws
from labelloop.core.zcore_index import PoolIndex
from labelloop.core.zcore_rules import Redundancy, score_draws

ROUNDS = 5
# images, dimensions, neighbours, draws of ours and of theirs in each round
SIZES = [(1_000, 512, 50, 2000, 200), (10_000, 512, 100, 1000, 40), (100_000, 512, 1000, 400, 6)]
LARGE = (1_000_000, 128, 1000, 200, 2)


def main() -> None:
    """Print ratios, microseconds for a draw, and how the time grows with the number of images."""
    print(
        f"{'images':>9} {'nn':>5} {'theirs us':>10} {'ours us':>8} {'ratio':>7} {'min':>6} {'max':>6} {'index s':>8} {'2 threads':>9} {'peak GB':>8}"
    )
    known: list[tuple[int, float, float]] = []
    for size in [*SIZES, *([LARGE] if "--large" in sys.argv else [])]:
        images, _, neighbours, *_ = size
        theirs, ours, index, both = compare(*size)
        ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{images:>9} {neighbours:>5} {1e6 * statistics.median(theirs):>10.0f} {1e6 * statistics.median(ours):>8.0f} "
            f"{statistics.median(ratios):>7.1f} {min(ratios):>6.1f} {max(ratios):>6.1f} {index:>8.2f} {both:>9.2f} {peak:>8.2f}",
            flush=True,
        )
        known.append((images, statistics.median(theirs), statistics.median(ours)))
    for (few, *first), (many, *last) in itertools.pairwise(known):
        growth = [np.log(b / a) / np.log(many / few) for a, b in zip(first, last, strict=True)]
        print(f"{few} to {many} images: theirs N^{growth[0]:.2f}, ours N^{growth[1]:.2f}")


def compare(
    images: int, dims: int, neighbours: int, draws: int, their_draws: int
) -> tuple[list[float], list[float], float, float]:
    """Seconds for a draw of theirs and of ours in each round, for our index, and how much two threads gain (wall)."""
    rows = mixture(images, dims)
    columns = np.ascontiguousarray(rows.T)
    spread, redundancy = Spread.of(columns), Redundancy(neighbours, 4)
    built: list[PoolIndex] = []
    index = cpu(lambda: built.append(PoolIndex.build(columns, neighbours=neighbours + 1, uses=1e9, threads=1)))
    their = counter_draws(9, range(their_draws), spread, 2)
    theirs, ours = [], []
    for number in range(ROUNDS):
        own = counter_draws(1, range(number * draws, (number + 1) * draws), spread, 2)
        theirs.append(cpu(lambda: published(rows, *their, neighbours)) / their_draws)
        ours.append(cpu(lambda: score_draws(built[0], own, redundancy)) / draws)
    built.clear()

    settings = {"n_sample": 10 * draws, "redund_nn": neighbours}
    alone, both = (wall(lambda: zcore_scores(rows, **settings, threads=threads)) for threads in (1, 2))
    return theirs, ours, index, alone / both


def published(rows: NDArray, dims: NDArray, points: NDArray, neighbours: int) -> NDArray:
    """The loop of the tutorial over given draws."""
    scores = np.zeros(len(rows))
    for dim, point in zip(dims, points, strict=True):
        nearest = np.argmin(np.sum(np.abs(rows[:, dim] - point), axis=1))
        scores[nearest] += 1
        distance = np.sum(np.abs(rows[:, dim] - rows[nearest, dim]), axis=1)
        others = np.argsort(distance)[1:]
        if distance[others[0]] == 0:
            scores[others[0]] -= 1
            continue
        others = others[:neighbours]
        share = 1 / (distance[others] ** 4 + 1e-8)
        scores[others] -= share / share.sum()
    return scores


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
