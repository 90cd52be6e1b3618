"""Near-duplicates against FiftyOne's: `python -m labelloop_tests.benchmarks.duplicates [--lists]`.

FiftyOne Brain's `compute_near_duplicates` is given the embeddings, and centres them; so do we. Both run in turn in one
process, and the pairs are compared. Ratios are of processor time, `wall` is the ratio by the clock; memory is what
each holds on top. `--lists` compares all with all and faiss' lists at 100 000 images instead, which takes minutes.
"""

import os
import sys

import numpy as np
from numpy.typing import NDArray

from labelloop.adapters.faiss_centres import centres
from labelloop.core.directions import Directions
from labelloop.core.duplicates import near_duplicate_groups, near_duplicates, near_links
from labelloop.core.inverted_lists import SAMPLE, inverted_lists
from labelloop_tests.benchmarks.side_by_side import HEADER, Times, growth, in_turn, line, peak
from labelloop_tests.benchmarks.zcore import mixture
from labelloop_tests.fiftyone_world import database

THRESHOLD, ROUNDS = 0.95, 3
BARS = {10_000: 4, 20_000: 3}


def main() -> None:
    """Print seconds, ratios, memory, and how the time grows with the number of images."""
    database()
    import fiftyone as fo  # noqa: PLC0415  # only after the database is known
    import fiftyone.brain as fob  # noqa: PLC0415

    fo.config.show_progress_bars = False
    assert pairs(near_links(Directions(planted(600)), THRESHOLD)) == published(planted(600))
    print(f"load {os.getloadavg()[0]:.1f}\n{HEADER}")
    known: list[tuple[int, list[Times]]] = []
    for size, bar in BARS.items():
        rows = planted(size)
        samples = fo.Dataset()
        samples.add_samples([fo.Sample(filepath=f"/{number}.jpg") for number in range(size)])
        works = (
            lambda: fob.compute_near_duplicates(samples, threshold=1 - THRESHOLD, embeddings=rows.copy()),
            lambda: grouped(rows, samples.values("id")),
        )
        theirs = works[0]()._radius_neighbors(thresh=1 - THRESHOLD)
        ours = near_duplicates(rows, THRESHOLD, centre=True)
        found = {(row, int(other)) for row, near in enumerate(theirs) for other in near if row < other}
        assert found == set(zip(ours.first.tolist(), ours.second.tolist(), strict=True))
        times = in_turn(ROUNDS, *works)
        print(line(f"{size}, {len(found)} pairs", *times, bar, [peak(work) for work in works]), flush=True)
        known.append((size, times))
        samples.delete()
    print(*growth(known), sep="\n")
    print(f"load {os.getloadavg()[0]:.1f}")


def by_lists(images: int = 100_000) -> None:
    """Print what lists cost and find, against all with all."""
    rows = Directions(planted(images))
    rng, found = np.random.default_rng(0), {}
    count = int(2 * images**0.5)

    def lists() -> None:
        fitted = np.sort(rng.permutation(images)[: 32 * count])
        made = inverted_lists(
            rows, centres(rows.narrow(fitted), count, 0), THRESHOLD, np.sort(rng.permutation(images)[:SAMPLE])
        )
        found["lists"] = set() if made is None else pairs(made.links(THRESHOLD))
        found["told"] = None if made is None else (made.near.shape[1], made.recall)

    def everyone() -> None:
        found["all"] = pairs(near_links(rows, THRESHOLD))

    print(f"load {os.getloadavg()[0]:.1f}\n{HEADER}")
    memory = [peak(everyone), peak(lists)]
    print(line(f"{images} by lists", *in_turn(1, everyone, lists), 0, memory))
    probes, recall = found["told"]
    true = len(found["lists"] & found["all"])
    print(f"{probes} lists looked into; recall {recall:.4f} by the sample, {true / len(found['all']):.4f} of all pairs")
    print(f"pairs that are none: {len(found['lists'] - found['all'])}; load {os.getloadavg()[0]:.1f}")


def grouped(rows: NDArray, ids: list[str]) -> None:
    """The pairs, and the groups they form."""
    near_duplicate_groups(near_duplicates(rows, THRESHOLD, centre=True), ids)


def published(rows: NDArray) -> set[tuple[int, int]]:
    """All pairs from the full matrix."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    first, second = np.nonzero(np.triu(unit @ unit.T >= THRESHOLD, k=1))
    return set(zip(first.tolist(), second.tolist(), strict=True))


def pairs(links) -> set[tuple[int, int]]:
    """Pairs of rows."""
    return {pair for first, second in links for pair in zip(first.tolist(), second.tolist(), strict=True)}


def planted(images: int) -> NDArray[np.float32]:
    """Rows of which one in twenty nearly repeats another."""
    rows, rng = mixture(images, 512), np.random.default_rng(1)
    some = rng.permutation(images)[: images // 20 * 2].reshape(2, -1)
    rows[some[0]] = rows[some[1]] + 0.005 * rng.standard_normal((some.shape[1], 512), dtype=np.float32)
    return rows


if __name__ == "__main__":
    by_lists() if "--lists" in sys.argv else main()
