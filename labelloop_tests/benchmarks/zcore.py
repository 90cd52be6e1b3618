"""ZCore against the plain loop with a full sort, side by side: `python -m labelloop_tests.benchmarks.zcore`.

Both run in turn in one process on the same core, and only the ratio is worth quoting.
"""

import statistics
import time
from collections.abc import Callable

from labelloop.core.zcore import Redundancy, zcore_scores
from labelloop_tests.core.builders import unit_rows
from labelloop_tests.core.test_zcore import plain_loop

ROUNDS = 5
SIZES = ((364, 100, 1000), (1_000, 50, 1000), (10_000, 100, 200))  # images, neighbours, draws


def main() -> None:
    """Print median, smallest and largest ratio for each size."""
    print(f"{'images':>8} {'neighbours':>10} {'draws':>6} {'plain / ours':>13} {'min':>6} {'max':>6}")
    for images, neighbours, draws in SIZES:
        rows, redundancy = unit_rows(images, 128), Redundancy(neighbours, 4)
        settings = {"n_sample": draws, "sample_dim": 2, "seed": 1}
        ratios = [
            seconds(lambda: plain_loop(rows, redundancy, **settings))
            / seconds(lambda: zcore_scores(rows, redundancy, **settings))
            for _ in range(ROUNDS)
        ]
        print(
            f"{images:>8} {neighbours:>10} {draws:>6} {statistics.median(ratios):>13.1f} {min(ratios):>6.1f} {max(ratios):>6.1f}"
        )


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
