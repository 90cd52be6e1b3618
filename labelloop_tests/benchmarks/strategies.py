"""Query strategies on made-up pools: `python -m labelloop_tests.benchmarks.strategies [--large]`.

Near-copies: 50 groups of 10, a batch of 50; how many groups it holds. Rare: 900 images in one crowd, 100 elsewhere, a
batch of 50; which share is rare. With `--large` the time and the peak memory of a batch from 100 000 x 512.
"""

import resource
import sys
import time

import numpy as np

from labelloop_tests.core.strategies.pools import chosen, near_copies, query_of, rare, rare_share

STRATEGIES = ("hybrid", "random", "zcore", "k_center", "typiclust")
NOISE = (0.0, 1e-3, 1e-2, 0.1, 0.3)


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
    """Time for a batch from a large pool, with a thousand labelled images."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(300, 512)).astype(np.float32)
    rows = centres[rng.integers(0, 300, 101_000)] + rng.normal(size=(101_000, 512)).astype(np.float32)
    for budget in (40, 400):
        for name in STRATEGIES:
            started, busy = time.perf_counter(), time.process_time()
            query = query_of(rows[:100_000], budget, zcore=rng.random(100_000), labelled=rows[100_000:])
            picked = chosen(name, query, budget)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(
                f"{name:>14} {len(picked):>5} of 100000 x 512: {time.perf_counter() - started:>6.1f} s, "
                f"{time.process_time() - busy:>6.1f} s of the processor, peak {peak:.2f} GB",
                flush=True,
            )


if __name__ == "__main__":
    main()
