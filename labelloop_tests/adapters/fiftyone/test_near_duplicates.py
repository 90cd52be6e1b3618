"""What FiftyOne Brain calls near-duplicates, and what `core/duplicates.py` does: it needs no database of its own."""

import importlib

import numpy as np
import pytest

from labelloop.core.duplicates import near_duplicates
from labelloop_tests.core.builders import unit_rows

THRESHOLD = 0.9


@pytest.mark.slow
def test_the_pairs_are_those_of_compute_near_duplicates(loop):
    """It subtracts the mean of all embeddings first, which changes what is near where they lie to one side."""
    fo, fob = importlib.import_module("fiftyone"), importlib.import_module("fiftyone.brain")
    rng = np.random.default_rng(0)
    rows = unit_rows(250, 24)
    copies = rows[rng.integers(0, 250, 50)] + 0.05 * rng.standard_normal((50, 24), dtype=np.float32)
    rows = rng.permutation(np.vstack([rows, copies])) + np.float32(1)
    loop.dataset.add_samples(
        [fo.Sample(filepath=f"/{number}.jpg", sample_id=f"{number}") for number in range(len(rows))], progress=False
    )
    brain = fob.compute_near_duplicates(loop.dataset, threshold=1 - THRESHOLD, embeddings=rows.copy(), progress=False)
    theirs = {
        (row, int(other))
        for row, near in enumerate(brain._radius_neighbors(thresh=1 - THRESHOLD))
        for other in near
        if row < other
    }
    ours, without = (near_duplicates(rows, THRESHOLD, centre=centre) for centre in (True, False))
    assert theirs == set(zip(ours.first.tolist(), ours.second.tolist(), strict=True))
    assert len(without.first) > 10 * len(theirs) >= 400
