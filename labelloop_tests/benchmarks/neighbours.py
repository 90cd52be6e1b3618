"""Nearest neighbours against the tutorial's way: `python -m labelloop_tests.benchmarks.neighbours`.

The tutorial makes the full matrix of similarities and sorts each row; a thousand failures look into a pool. Both run in
turn in one process; ratios are of processor time, `wall` is the ratio by the clock. Memory is what each holds on top.
"""

import os

import numpy as np
from numpy.typing import NDArray

from labelloop.core.neighbours import top_k
from labelloop_tests.benchmarks.side_by_side import HEADER, Times, growth, in_turn, line, peak
from labelloop_tests.benchmarks.zcore import mixture

QUERIES, K, ROUNDS = 1000, 10, 5
POOLS = (10_000, 30_000, 100_000)
BAR = 4


def main() -> None:
    """Print seconds, ratios, memory, and how the time grows with the pool."""
    rows = mixture(POOLS[-1] + QUERIES, 512)
    queries, pool = rows[POOLS[-1] :], rows[: POOLS[-1]]
    assert (top_k(queries[:50], pool[:2000], K)[0] == published(queries[:50], pool[:2000])).all()
    print(f"load {os.getloadavg()[0]:.1f}\n{HEADER}")
    known: list[tuple[int, list[Times]]] = []
    for size in POOLS:
        some = pool[:size]
        works = (lambda: published(queries, some), lambda: top_k(queries, some, K))
        times = in_turn(ROUNDS, *works)
        print(line(f"{QUERIES} x {size}", *times, BAR, [peak(work) for work in works]), flush=True)
        known.append((size, times))
    print(*growth(known), sep="\n")
    print(f"load {os.getloadavg()[0]:.1f}")


def published(queries: NDArray, pool: NDArray) -> NDArray[np.intp]:
    """All similarities, each row sorted."""
    similarity = unit(queries) @ unit(pool).T
    return np.array([np.argsort(row)[::-1][:K] for row in similarity])


def unit(rows: NDArray) -> NDArray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
