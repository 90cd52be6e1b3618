"""k_center: each pick is the image farthest from all that is labelled or picked.

The greedy k-center of Sener and Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach",
ICLR 2018, arXiv 1708.00489; distance is 1 - cosine. Where nothing is labelled, the most central image comes first.
It spreads as far as it can, so outliers come early.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from labelloop.core.batch import Candidate
from labelloop.core.strategies.nearest import Nearest
from labelloop.core.strategies.query import Openings, Query
from labelloop.core.vocabulary import Source


def rank(query: Query, rng: np.random.Generator) -> pd.DataFrame:  # noqa: ARG001  nothing is drawn
    """Manifest of the farthest-first traversal; a row's score is its distance to all before it."""
    query = query.in_order()
    return query.manifest(_candidates(query))


def _candidates(query: Query) -> Iterator[Candidate]:
    openings, near = Openings(query.pool), Nearest(query)
    openings.close_twins(near.cosine)
    first = not len(query.labelled)
    priority = query.vectors.cosines(query.vectors.centre()[None])[:, 0] if first else near.distance
    while (row := openings.best(priority)) is not None:
        distance = near.distance[row]
        reason = "the most central image" if first else f"far from all that is labelled or chosen ({distance:.2f})"
        yield Candidate(query.ids[row], Source.DIVERSITY, float(distance), reason)
        first = False
        openings.take(row)
        near.cover(row, near.distance * openings.mask)
        openings.close_twins(near.cosine)
        priority = near.distance
