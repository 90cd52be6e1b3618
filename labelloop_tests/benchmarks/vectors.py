"""Vectors to disk and back: `python -m labelloop_tests.benchmarks.vectors [folder]`.

100 000 vectors of 512 dimensions go through the store that `embeddings` writes to, and are read whole from the
memory-mapped file. To compare with: the same numbers by `numpy.save` and `numpy.load`, not mapped, without ids. All
seconds are by the clock in one process; the limit is 2 seconds for writing and reading together.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelloop.adapters.files.embedding_store import EmbeddingStore
from labelloop_tests.benchmarks.side_by_side import HEADER, Times, growth, in_turn, line, peak
from labelloop_tests.benchmarks.zcore import mixture

SIZES, DIMENSIONS, ROUNDS, LIMIT = (25_000, 100_000), 512, 5, 2.0


def main() -> None:
    """Print seconds and memory of each step, and how writing and reading grow with the number of vectors."""
    print(f"load {os.getloadavg()[0]:.1f}\n{HEADER}")
    known: list[tuple[int, list[Times]]] = []
    for size in SIZES:
        with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
            known.append((size, compare(mixture(size, DIMENSIONS), Path(folder))))
    print(*growth(known, "vectors"), sep="\n")
    size, both = SIZES[-1], known[-1][1][1].wall
    print(f"{size}, write and read: {statistics.median(both):.2f} s (at best {min(both):.2f}), limit {LIMIT:g} s")
    print(f"load {os.getloadavg()[0]:.1f}")


def compare(vectors: NDArray[np.float32], folder: Path) -> list[Times]:
    """Print the steps; seconds of writing and reading together, numpy's and ours."""
    ids = [f"{number:016x}" for number in range(len(vectors))]
    store, plain = EmbeddingStore(folder, ""), folder / "plain.npy"
    works = [
        lambda: np.save(plain, vectors),
        lambda: store.save("benchmark", "1", ids, vectors, {}),
        lambda: np.load(plain).sum(),
        lambda: blocks(store.load("benchmark")[1]),
        lambda: store.known("benchmark", "1"),
    ]
    times = in_turn(ROUNDS, *works, processor=time.perf_counter)
    memory = [peak(work) for work in works]
    for name, theirs, ours in (("write", 0, 1), ("read", 2, 3), ("read by id", 2, 4)):
        told = line(f"{len(vectors)}, {name}", times[theirs], times[ours], 0, (memory[theirs], memory[ours]))
        print(told, flush=True)
    assert store.load("benchmark")[0] == ids
    assert np.array_equal(store.load("benchmark")[1], vectors)
    return [together(times[0], times[2]), together(times[1], times[3])]


def together(one: Times, other: Times) -> Times:
    """Seconds of two steps."""
    sums = ([a + b for a, b in zip(*pair, strict=True)] for pair in ((one.cpu, other.cpu), (one.wall, other.wall)))
    return Times(*sums)


def blocks(vectors: np.ndarray) -> float:
    """Sum of all numbers, a block at a time, as scores and neighbours read them."""
    return float(sum(vectors[first : first + 4096].sum() for first in range(0, len(vectors), 4096)))


if __name__ == "__main__":
    main()
