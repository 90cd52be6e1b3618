"""Awkward pools, whole jobs: `python -m labelloop_tests.benchmarks.zcore_inputs`. No ratio may be below 1.

`zcore_scores` as anybody calls it, on one thread, with all that it does once for a pool, against the tutorial's loop with
all that that does once. By what ours scores is its own choice; kernels are there. Processor time. Of their draws only
some are made, the rest is counted in.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from labelloop.core.zcore import zcore_scores
from labelloop.core.zcore_draws import Spread, counter_draws
from labelloop_tests.benchmarks.zcore import cpu, mixture, published, warm_up

DIMS = 128
SIZES = [(100, 100), (1000, 10_000), (10_000, 2000), (100_000, 100), (100_000, 10_000)]  # images, draws


def main() -> None:
    """Print seconds of both and their ratio for each kind of pool."""
    warm_up()
    print(f"{'pool':<28} {'images':>8} {'draws':>7} {'theirs s':>9} {'ours s':>8} {'ratio':>7}")
    worst = np.inf
    for (images, draws), (name, kind) in itertools.product(SIZES, POOLS.items()):
        rows = kind(images)
        neighbours = min(1000 if images >= 100_000 else 100, images - 1)
        theirs, ours = tutorial(rows, draws, neighbours), mine(rows, draws, neighbours)
        worst = min(worst, theirs / ours)
        print(f"{name:<28} {images:>8} {draws:>7} {theirs:>9.3f} {ours:>8.3f} {theirs / ours:>7.1f}", flush=True)
    print(f"worst ratio {worst:.1f}")


def mine(rows: NDArray, draws: int, neighbours: int) -> float:
    """Seconds of a job of ours."""
    return cpu(lambda: zcore_scores(rows, n_sample=draws, redund_nn=neighbours, threads=1))


def tutorial(rows: NDArray, draws: int, neighbours: int) -> float:
    """Seconds of a job of theirs, most draws counted in."""
    some = min(draws, max(4, 200_000 // len(rows)))
    spread: list[Spread] = []
    once = cpu(lambda: spread.append(_spread(rows)))
    own = counter_draws(9, range(some), spread[0], 2)
    return once + cpu(lambda: published(rows, *own, neighbours)) / some * draws


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
    "half the dimensions constant": _half_constant,
    "float64": lambda images: mixture(images, DIMS).astype(np.float64),
}


if __name__ == "__main__":
    main()
