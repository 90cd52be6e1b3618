"""Awkward pools, whole jobs: `python -m labelloop_tests.benchmarks.zcore_inputs`. No ratio may be below 1.

`zcore_scores` as anybody calls it, on one thread, with all that it does once for a pool, against the tutorial's loop with
all that that does once. By what ours scores is its own choice; kernels are there. Processor time; `wall` is the ratio by
the clock; memory is what each holds on top. Of their draws only some are made, the rest is counted in.
"""

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore import zcore_scores
from labelloop.core.zcore_draws import Spread, counter_draws
from labelloop_tests.benchmarks.side_by_side import HEADER, Times, growth, line, peak
from labelloop_tests.benchmarks.zcore import mixture, published, warm_up

DIMS, ROUNDS, BAR = 128, 3, 1
SIZES = [(100, 100), (1000, 10_000), (10_000, 2000), (100_000, 100), (100_000, 10_000)]  # images, draws
GROWS = 10_000  # draws, for which it is told how the time grows


def main() -> None:
    """Print seconds of both, their ratio and memory for each kind of pool, and how the time grows with the images."""
    warm_up()
    worst, known = np.inf, {name: [] for name in POOLS}
    for images, draws in SIZES:
        print(f"{images} images, {draws} draws\n{HEADER}")
        for name, kind in POOLS.items():
            theirs, ours, memory = compare(kind(images), draws)
            worst = min(worst, *(a / b for a, b in zip(theirs.cpu, ours.cpu, strict=True)))
            print(line(name, theirs, ours, BAR, memory), flush=True)
            if draws == GROWS:
                known[name].append((images, [theirs, ours]))
    for name, sizes in known.items():
        print(f"{name}: " + "; ".join(growth(sizes)))
    print(f"worst ratio {worst:.1f}")


def compare(rows: NDArray, draws: int) -> tuple[Times, Times, tuple[float, float]]:
    """Seconds of a job of theirs and of ours in each round, and the MB of each."""
    neighbours = min(1000 if len(rows) >= 100_000 else 100, len(rows) - 1)
    some = min(draws, max(4, 200_000 // len(rows)))
    theirs, ours = Times(), Times()
    own: list[tuple[NDArray, NDArray]] = []

    def once() -> None:
        own[:] = [counter_draws(9, range(some), _spread(rows), 2)]

    def tutorial() -> None:
        published(rows, *own[0], neighbours)

    def mine() -> None:
        zcore_scores(rows, n_sample=draws, redund_nn=neighbours, threads=1)

    for _ in range(ROUNDS):
        begun, drawn = Times(), Times()
        begun.add(once)
        drawn.add(tutorial, scale=draws / some)
        theirs.cpu.append(begun.cpu[0] + drawn.cpu[0])
        theirs.wall.append(begun.wall[0] + drawn.wall[0])
        ours.add(mine)
    return theirs, ours, (max(peak(once), peak(tutorial)), peak(mine))


def _spread(rows: NDArray) -> Spread:
    return Spread(*(np.asarray(f(rows, axis=0), dtype=np.float64) for f in (np.min, np.median, np.max)))


def _outlier(images: int) -> NDArray:
    rows = mixture(images, DIMS)
    rows[images // 2] = 1e6
    return rows


def _half_constant(images: int) -> NDArray:
    rows = mixture(images, DIMS)
    rows[:, ::2] = 0.25
    return rows


POOLS = {
    "plain": lambda images: mixture(images, DIMS),
    "all identical": lambda images: np.full((images, DIMS), 0.25, dtype=np.float32),
    "all identical but one": lambda images: np.vstack([np.zeros((images - 1, DIMS)), np.ones(DIMS)]).astype(np.float32),
    "half are copies": lambda images: np.repeat(mixture(images // 2, DIMS), 2, axis=0),
    "a hundred different": lambda images: mixture(100, DIMS)[np.arange(images) % 100],
    "one far away": _outlier,
    "rectified": lambda images: np.maximum(mixture(images, DIMS), 0),
    "quantised": lambda images: np.round(mixture(images, DIMS) * 64) / 64,
    "half dimensions constant": _half_constant,
    "float64": lambda images: mixture(images, DIMS).astype(np.float64),
}


if __name__ == "__main__":
    main()
