"""Vectors to disk and back: `python -m labelloop_tests.benchmarks.vectors [folder]`.

100 000 vectors of 512 dimensions go through the store that `embeddings` writes to, and are read whole from the
memory-mapped file. To compare with: the same numbers by `numpy.save` and `numpy.load`, not mapped, without ids. Times
are by the clock in one process; the limit is 2 seconds for writing and reading together.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from labelloop.adapters.files.embedding_store import EmbeddingStore
from labelloop_tests.benchmarks.side_by_side import in_turn, peak
from labelloop_tests.benchmarks.zcore import mixture

IMAGES, DIMENSIONS, ROUNDS, LIMIT = 100_000, 512, 5, 2.0


def main() -> None:
    """Print seconds of each step, and what reading holds in memory."""
    vectors = mixture(IMAGES, DIMENSIONS)
    ids = [f"{number:016x}" for number in range(IMAGES)]
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        store, plain = EmbeddingStore(Path(folder), ""), Path(folder) / "plain.npy"
        works = {
            "store, write": lambda: store.save("benchmark", "1", ids, vectors, {}),
            "store, read": lambda: blocks(store.load("benchmark")[1]),
            "store, by id": lambda: store.known("benchmark", "1"),
            "numpy, write": lambda: np.save(plain, vectors),
            "numpy, read": lambda: np.load(plain).sum(),
        }
        print(f"load {os.getloadavg()[0]:.1f}\n{'':>14} {'wall s':>7} {'min':>7} {'max':>7} {'cpu s':>7} {'MB':>6}")
        times = in_turn(ROUNDS, *works.values())
        for (name, work), of in zip(works.items(), times, strict=True):
            print(
                f"{name:>14} {statistics.median(of.wall):>7.3f} {min(of.wall):>7.3f} {max(of.wall):>7.3f} "
                f"{statistics.median(of.cpu):>7.3f} {peak(work):>6.0f}"
            )
        assert store.load("benchmark")[0] == ids
        assert np.array_equal(store.load("benchmark")[1], vectors)
    both = [write + read for write, read in zip(times[0].wall, times[1].wall, strict=True)]
    print(f"write and read: {statistics.median(both):.2f} s (at best {min(both):.2f}), limit {LIMIT:g} s")
    print(f"load {os.getloadavg()[0]:.1f}")


def blocks(vectors: np.ndarray) -> float:
    """Sum of all numbers, a block at a time, as scores and neighbours read them."""
    return float(sum(vectors[first : first + 4096].sum() for first in range(0, len(vectors), 4096)))


if __name__ == "__main__":
    main()
