"""Do near images look alike to a detector? `python -m labelloop_tests.benchmarks.embeddings_see FOLDER …`.

FOLDER is one that `selection.py` or `ablations.py` worked in. Told is how alike the objects of two images are (cosine of
their counts by class, and the share of pairs of the same number of objects): of each image and its nearest neighbours in
the embeddings, and of pairs drawn at random. Where the first is not above the second, a strategy that covers the
embeddings covers what is of no matter for the labels.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelloop.core.neighbours import top_k
from labelloop.core.replay import plan_of
from labelloop.core.vocabulary import Split
from labelloop.resources.replay_turn import Study
from labelloop.settings.yaml_file import load_settings

NEAREST = 5


def main() -> None:
    """Print one line for each folder."""
    print(
        f"{'folder':<14} {'provider':<10} {'images':>6} | {'alike: near':>12} {'random':>7} | {'as many: near':>13} {'random':>7}"
    )
    for name in sys.argv[1:]:
        folder = Path(name).resolve()
        config = folder / "labelloop.yaml"
        settings = load_settings(config)
        now = Study(config, settings, folder / "out", plan_of("zcore", 2, "1,2")).pool()
        ids, vectors = now.ledger.embeddings(settings.embeddings.provider)
        pool = set(now.ledger.in_split(Split.POOL))
        rows = [row for row, sample_id in enumerate(ids) if sample_id in pool]
        truth = now.ledger.source_labels()
        counts = truth.groupby(["sample_id", "label"]).size().unstack(fill_value=0)
        counted = counts.reindex([ids[row] for row in rows], fill_value=0).to_numpy(dtype=float)
        near, _ = top_k(vectors[rows], vectors[rows], NEAREST + 1)
        one = np.repeat(np.arange(len(rows)), NEAREST)
        # A copy may come before the image itself.
        others = [[int(each) for each in found if each != row][:NEAREST] for row, found in enumerate(near)]
        drawn = np.random.default_rng(0).integers(len(rows), size=(2, 20_000))
        figures = [*alike(counted, one, np.ravel(others)), *alike(counted, *drawn[:, drawn[0] != drawn[1]])]
        provider = settings.embeddings.provider
        print(
            f"{folder.name:<14} {provider:<10} {len(rows):>6} | {figures[0]:>12.3f} {figures[2]:>7.3f} | "
            f"{figures[1]:>13.3f} {figures[3]:>7.3f}"
        )


def alike(counts: NDArray, one: NDArray, other: NDArray) -> tuple[float, float]:
    """Mean cosine of counts by class of pairs of images, and the share that hold as many objects."""
    length = np.maximum(np.linalg.norm(counts, axis=1), 1e-9)
    cosine = (counts[one] * counts[other]).sum(axis=1) / (length[one] * length[other])
    return float(cosine.mean()), float((counts[one].sum(axis=1) == counts[other].sum(axis=1)).mean())


if __name__ == "__main__":
    main()
