"""Strangers: boxes that lie among boxes of another class; whoever gave them their class may have slipped.

The k nearest neighbours vote, as Wilson's edited neighbours do (IEEE SMC 1972). With 3 % of the classes wrong and
`hog_hsv`, blood cells: 143 of 146 wrong ones are among the 188 that are told, 133 of them among the first 146. Digits
over photographs, whose colours are those of the photograph: 37 of 37 among 557, 14 among the first 37.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from labelloop.core.neighbours import top_k

NEIGHBOURS = 10
MOST = 20_000  # boxes that are compared with; time grows with the square of it

COLUMNS = ["row", "share", "among"]


def strangers(
    vectors: ArrayLike, labels: Sequence[str], images: Sequence[str], rng: np.random.Generator, share: float = 0.5
) -> pd.DataFrame:
    """Boxes more of whose nearest boxes on other images are of another class than of their own.

    Args:
        vectors: (N, D) of the boxes.
        labels: Class of each box.
        images: Image of each box; boxes of one image overlap, and do not vote for each other.
        rng: Chooses whom to compare with where there are more than MOST boxes.
        share: Of the votes; a box with more of them for other classes is a stranger.

    Returns:
        row (index of the box), share (of the votes for other classes), among (the class most of them are of), the
        most certain first.
    """
    rows, classes, places = np.asarray(vectors), np.asarray(labels, dtype=object), np.asarray(images, dtype=object)
    if len(rows) < 2:
        return pd.DataFrame(columns=COLUMNS)
    voters = np.arange(len(rows))
    if len(rows) > MOST:
        voters = np.sort(rng.choice(len(rows), MOST, replace=False))
    crowd = int(pd.Series(places[voters]).value_counts().max())
    nearest, _ = top_k(rows, rows[voters], NEIGHBOURS + crowd)
    found = [_vote(row, voters[own], classes, places) for row, own in enumerate(nearest)]
    told = pd.DataFrame([vote for vote in found if vote is not None and vote[1] > share], columns=COLUMNS)
    return told.sort_values(["share", "row"], ascending=[False, True], ignore_index=True)


def _vote(row: int, nearest: np.ndarray, classes: np.ndarray, places: np.ndarray) -> tuple[int, float, str] | None:
    votes = classes[nearest[places[nearest] != places[row]][:NEIGHBOURS]]
    if not len(votes):
        return None
    others = pd.Series(votes[votes != classes[row]])
    return row, len(others) / len(votes), str(others.mode().min()) if len(others) else ""
