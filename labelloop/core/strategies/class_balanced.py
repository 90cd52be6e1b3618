"""class_balanced, a modifier: of the images another strategy ranks first, those that fill up the rarest classes.

After Bengar et al., "Class-Balanced Active Learning for Image Classification", WACV 2022, arXiv 2110.04543, made greedy
for images with several objects. The other strategy proposes three times the budget; each pick is the image with the
most of what is rare: the sum over classes of the probability that the image shows it, divided by one more than the
images, labelled or picked, that show it.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CANDIDATES = 3  # times the budget


def balance(
    manifest: pd.DataFrame, predictions: pd.DataFrame, class_counts: Mapping[str, int], budget: int
) -> pd.DataFrame:
    """The `budget` rows of a manifest that balance the classes best, ranked anew; ties to the better rank.

    Args:
        manifest: What another strategy ranked.
        predictions: Labels frame with `score`.
        class_counts: Labelled images that show each class; predictions of other classes do not count.
        budget: Rows to keep.
    """
    classes = sorted(class_counts)
    shows = _probabilities(manifest["sample_id"], predictions, classes)
    counts = np.array([class_counts[name] for name in classes], dtype=float)
    left, picked = np.ones(len(manifest), dtype=bool), []
    for _ in range(min(budget, len(manifest))):
        gain = np.round(shows @ (1 / (1 + counts)), 9)
        row = int(np.where(left, gain, -1.0).argmax())
        left[row] = False
        counts += shows[row]
        picked.append(row)
    rows = manifest.iloc[picked].reset_index(drop=True)
    told = [_told(shows[row], classes) for row in picked]
    return rows.assign(rank=np.arange(1, len(rows) + 1), reason=rows["reason"] + told)


def _probabilities(sample_ids: pd.Series, predictions: pd.DataFrame, classes: list[str]) -> NDArray[np.float64]:
    """Probability that each image shows each class, (N, C): that not all of its boxes are wrong."""
    row_of = {sample_id: row for row, sample_id in enumerate(sample_ids)}
    column_of = {name: column for column, name in enumerate(classes)}
    wrong = np.ones((len(row_of), len(classes)))
    known = predictions[predictions["sample_id"].isin(row_of) & predictions["label"].isin(column_of)]
    for sample_id, label, score in known[["sample_id", "label", "score"]].itertuples(index=False):
        wrong[row_of[sample_id], column_of[label]] *= 1 - float(score)
    return 1 - wrong


def _told(shows: NDArray[np.float64], classes: list[str]) -> str:
    likely = [name for name, probability in zip(classes, shows, strict=True) if probability >= 0.5]
    return f"; may show {', '.join(likely)}" if likely else ""
