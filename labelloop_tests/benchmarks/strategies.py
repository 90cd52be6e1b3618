"""Query strategies on made-up pools: `python -m labelloop_tests.benchmarks.strategies [--large]`.

Near-copies: 50 groups of 10, a batch of 50; how many groups it holds. Rare: 900 images in one crowd, 100 elsewhere, a
batch of 50; which share is rare. With `--large` the processor time of batches from up to 100 000 x 512, in turn in one
process, as a multiple of what a random batch takes too, and what each holds on top in memory.
"""

import statistics
import sys

import numpy as np

from labelloop_tests.benchmarks.side_by_side import Times, growth, in_turn, peak
from labelloop_tests.core.strategies.pools import chosen, near_copies, query_of, rare, rare_share

STRATEGIES = ("hybrid", "random", "zcore", "k_center", "typiclust")
NOISE = (0.0, 1e-3, 1e-2, 0.1, 0.3)
LARGE, LABELLED, BUDGETS, ROUNDS = (25_000, 100_000), 1000, (40, 400), 3


def main() -> None:
    """Print the tables."""
    print(
        "groups of 50 held, 512 dimensions, three seeds\n" + "".join(f"{name:>14}" for name in ("noise", *STRATEGIES))
    )
    for noise in NOISE:
        hits = {
            name: [
                len({row // 10 for row in chosen(name, near_copies(noise, 512, seed), 50, seed)}) for seed in range(3)
            ]
            for name in STRATEGIES
        }
        print(f"{noise:>14}" + "".join(f"{'/'.join(map(str, found)):>14}" for found in hits.values()), flush=True)
    print("share of rare images in a batch, of 10 % in the pool")
    for spread in (True, False):
        shares = [f"{rare_share(chosen(name, rare(spread), 50)):.2f}" for name in STRATEGIES]
        print(f"{'spread' if spread else 'one cluster':>14}" + "".join(f"{share:>14}" for share in shares), flush=True)
    if "--large" in sys.argv:
        large()


def large() -> None:
    """Time and memory of batches from large pools, with a thousand labelled images, and how the time grows."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(300, 512)).astype(np.float32)
    count = max(LARGE) + LABELLED
    rows = centres[rng.integers(0, 300, count)] + rng.normal(size=(count, 512)).astype(np.float32)
    pool, labelled, zcore = rows[LABELLED:], rows[:LABELLED], rng.random(max(LARGE))
    for budget in BUDGETS:
        known: list[tuple[int, list[Times]]] = []
        for size in LARGE:
            works = [
                lambda name=name: chosen(
                    name, query_of(pool[:size], budget, zcore=zcore[:size], labelled=labelled), budget
                )
                for name in STRATEGIES
            ]
            times = in_turn(ROUNDS, *works)
            print(f"{budget} of {size} x 512\n{'':>14} {'cpu s':>8} {'min':>7} {'max':>7} {'x random':>9} {'MB':>6}")
            random = statistics.median(times[STRATEGIES.index("random")].cpu)
            for name, of, work in zip(STRATEGIES, times, works, strict=True):
                middle = statistics.median(of.cpu)
                print(
                    f"{name:>14} {middle:>8.2f} {min(of.cpu):>7.2f} {max(of.cpu):>7.2f} {middle / random:>9.1f} "
                    f"{peak(work):>6.0f}",
                    flush=True,
                )
            known.append((size, times))
        print(*growth(known, names=STRATEGIES), sep="\n")


if __name__ == "__main__":
    main()
