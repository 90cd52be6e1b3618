"""Two threads against the official script with two workers: `python -m labelloop_tests.benchmarks.zcore_workers [--large]`.

The official script forks its workers, gives each a part of the draws and adds up their scores. Its workers inherit one
random state and all make the same draws: of two, half of the work counts for nothing. That is not held against it here:
a draw is a draw. Both sides score draws in turn. Told are seconds of 10,000 draws by the processor time of the busiest
worker, which is what the clock shows on a machine that nobody else uses; `wall` is the ratio by the clock. Memory is what
both workers or both threads hold on top of the embeddings.
"""

import multiprocessing
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore_compiled import CompiledPool
from labelloop.core.zcore_draws import Draws, by_tile, counter_draws
from labelloop.core.zcore_rules import Redundancy
from labelloop_tests.benchmarks.side_by_side import HEADER, Times, growth, line, peak
from labelloop_tests.benchmarks.zcore import JOBS, TOLD, cpu, made, mixture, published_draw, warm_up

ROUNDS = 5
# images, dimensions, neighbours, draws of a round: ours, theirs
SIZES = [(1_000, 512, 50, 10_000, 2000), (10_000, 512, 100, 10_000, 200), (100_000, 512, 1000, 4000, 16)]
LARGE = (1_000_000, 512, 1000, 2000, 4)
BARS = {1_000: 15, 10_000: 40, 100_000: 45, 1_000_000: 250}
WORKERS = 2


def main() -> None:
    """Print what draws take with two threads and with two workers."""
    warm_up()
    print(f"seconds of {TOLD} draws\n{HEADER}")
    known: list[tuple[int, list[Times]]] = []
    for size in [*SIZES, *([LARGE] if "--large" in sys.argv else [])]:
        theirs, ours, memory = compare(*size)
        print(line(f"{size[0]} images", theirs, ours, BARS[size[0]], memory), flush=True)
        known.append((size[0], [theirs, ours]))
    print(*growth(known), sep="\n")


def compare(
    images: int, dims: int, neighbours: int, draws: int, their_draws: int
) -> tuple[Times, Times, tuple[float, float]]:
    """Seconds of draws in each round, theirs and ours, and the MB of each."""
    rows, redundancy = mixture(images, dims), Redundancy(neighbours, 4)
    columns = np.ascontiguousarray(rows.T)
    pool, _, memory = made(
        lambda: CompiledPool.build(columns, WORKERS),
        lambda pool: in_threads(pool, counter_draws(1, range(WORKERS), pool.spread, 2), redundancy),
    )
    job = by_tile(counter_draws(1, range(JOBS.get(images, 10_000)), pool.spread, 2))
    theirs, ours = Times(), Times()
    for number in range(ROUNDS):
        first = number * (len(job[0]) - draws) // ROUNDS
        own = job[0][first : first + draws], job[1][first : first + draws]
        keep(theirs, lambda: official(rows, pool.spread, neighbours, their_draws, cpu), TOLD / their_draws)
        keep(ours, lambda: in_threads(pool, own, redundancy), TOLD / draws)
    held = sum(official(rows, pool.spread, neighbours, WORKERS, peak))
    return theirs, ours, (held, memory + columns.nbytes / 2**20)


def keep(times: Times, work: Callable[[], list[float]], scale: float) -> None:
    """Do it, and keep the seconds of the busiest worker, which it tells, and those by the clock."""
    start = time.perf_counter()
    busy = work()
    times.cpu.append(max(busy) * scale)
    times.wall.append((time.perf_counter() - start) * scale)


def official(
    rows: NDArray, spread: Any, neighbours: int, draws: int, measured: Callable[[Callable[[], object]], float]
) -> list[float]:
    """Let forked workers draw; what was measured in each."""
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def draw() -> None:
        scores = np.zeros(len(rows))
        for _ in range(draws // WORKERS):
            _one(rows, spread, neighbours, scores)

    workers = [context.Process(target=lambda: answers.put(measured(draw))) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    told = [float(answers.get()) for _ in workers]
    for worker in workers:
        worker.join()
    return told


def _one(rows: NDArray, spread: Any, neighbours: int, scores: NDArray) -> None:
    dim = np.random.choice(rows.shape[1], 2, replace=False)  # noqa: NPY002
    point = np.random.triangular(spread.low[dim], spread.middle[dim], spread.high[dim])  # noqa: NPY002
    published_draw(rows, dim, point, neighbours, scores, eps=0.0)


def in_threads(pool: CompiledPool, draws: Draws, redundancy: Redundancy) -> list[float]:
    """Let threads share draws; the seconds that each was busy."""
    busy: list[float] = []

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
    return busy


if __name__ == "__main__":
    main()
