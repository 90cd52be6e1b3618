"""Two threads against the official script with two workers: `python -m labelloop_tests.benchmarks.zcore_workers [--large]`.

The official script forks its workers, gives each a part of the draws and adds up their scores. Its workers inherit one
random state and all make the same draws: of two, half of the work counts for nothing. That is not held against it here:
a draw is a draw. Both sides score draws in turn. Told are microseconds for a draw by the clock, and by the processor time
of the busiest worker, which is what the clock shows on a machine that nobody else uses.
"""

import multiprocessing
import statistics
import sys
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore_compiled import CompiledPool
from labelloop.core.zcore_draws import Draws, by_tile, counter_draws
from labelloop.core.zcore_rules import Redundancy
from labelloop_tests.benchmarks.zcore import JOBS, mixture, published_draw, warm_up

ROUNDS = 5
# images, dimensions, neighbours, draws of a round: ours, theirs
SIZES = [(1_000, 512, 50, 10_000, 2000), (10_000, 512, 100, 10_000, 200), (100_000, 512, 1000, 4000, 16)]
LARGE = (1_000_000, 512, 1000, 2000, 4)
BARS = {1_000: 15, 10_000: 40, 100_000: 45, 1_000_000: 250}
WORKERS = 2


def main() -> None:
    """Print what a draw takes with two threads and with two workers."""
    warm_up()
    print(f"{'images':>9} {'theirs us':>20} {'ours us':>20} {'ratio':>16} {'min':>6} {'max':>6} {'bar':>5}")
    print(f"{'':>9} {'busiest':>10} {'clock':>9} {'busiest':>10} {'clock':>9} {'busiest':>9} {'clock':>6}")
    for size in [*SIZES, *([LARGE] if "--large" in sys.argv else [])]:
        theirs, ours = compare(*size)
        busiest, clock = ([a[at] / b[at] for a, b in zip(theirs, ours, strict=True)] for at in (0, 1))
        shown = [1e6 * statistics.median(each[at] for each in side) for side in (theirs, ours) for at in (0, 1)]
        print(
            f"{size[0]:>9} {shown[0]:>10.1f} {shown[1]:>9.1f} {shown[2]:>10.1f} {shown[3]:>9.1f} {statistics.median(busiest):>9.1f} {statistics.median(clock):>6.1f} {min(busiest):>6.1f} {max(busiest):>6.1f} {BARS[size[0]]:>5}",
            flush=True,
        )


def compare(images: int, dims: int, neighbours: int, draws: int, their_draws: int) -> tuple[list, list]:
    """Seconds for a draw in each round, by the busiest worker and by the clock: theirs and ours."""
    rows = mixture(images, dims)
    pool = CompiledPool.build(np.ascontiguousarray(rows.T), WORKERS)
    job = by_tile(counter_draws(1, range(JOBS.get(images, 10_000)), pool.spread, 2))
    theirs, ours = [], []
    for number in range(ROUNDS):
        first = number * (len(job[0]) - draws) // ROUNDS
        own = job[0][first : first + draws], job[1][first : first + draws]
        theirs.append(official(rows, pool.spread, neighbours, their_draws))
        ours.append(in_threads(pool, own, Redundancy(neighbours, 4)))
    return theirs, ours


def official(rows: NDArray, spread: Any, neighbours: int, draws: int) -> tuple[float, float]:
    """Seconds for a draw of forked workers."""
    context, start = multiprocessing.get_context("fork"), time.perf_counter()
    answers = context.Queue()

    def work() -> None:
        begin, scores = time.process_time(), np.zeros(len(rows))
        for _ in range(draws // WORKERS):
            _one(rows, spread, neighbours, scores)
        answers.put((time.process_time() - begin, float(scores.sum())))

    workers = [context.Process(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    busy = [answers.get()[0] for _ in workers]
    for worker in workers:
        worker.join()
    return max(busy) / draws, (time.perf_counter() - start) / draws


def _one(rows: NDArray, spread: Any, neighbours: int, scores: NDArray) -> None:
    dim = np.random.choice(rows.shape[1], 2, replace=False)  # noqa: NPY002
    point = np.random.triangular(spread.low[dim], spread.middle[dim], spread.high[dim])  # noqa: NPY002
    published_draw(rows, dim, point, neighbours, scores, eps=0.0)


def in_threads(pool: CompiledPool, draws: Draws, redundancy: Redundancy) -> tuple[float, float]:
    """Seconds for a draw of threads that share the draws."""
    start, busy = time.perf_counter(), []

    def work(part: Draws) -> None:
        begin = time.thread_time()
        pool.score(part, redundancy)
        busy.append(time.thread_time() - begin)

    half = len(draws[0]) // WORKERS
    parts = [(draws[0][at : at + half], draws[1][at : at + half]) for at in range(0, half * WORKERS, half)]
    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(busy) / len(draws[0]), (time.perf_counter() - start) / len(draws[0])


if __name__ == "__main__":
    main()
