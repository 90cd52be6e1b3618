"""typiclust: the most typical image of each crowded part of the pool in which nothing is labelled yet.

Hacohen, Dekel, Weinshall, ICML 2022, arXiv 2202.02794: with few labels typical images teach more than odd ones.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from labelloop.core.batch import Candidate
from labelloop.core.strategies.query import Openings, Query
from labelloop.core.strategies.typical import Typical, TypicalImages
from labelloop.core.vocabulary import Source


def rank(query: Query, rng: np.random.Generator) -> pd.DataFrame:
    """Manifest of typical images, largest uncovered cluster first; a row's score is its typicality."""
    query = query.in_order()
    return query.manifest(_candidates(query, rng)) if len(query.ids) else query.manifest([])


def candidate(query: Query, found: Typical) -> Candidate:
    """A typical image with its reason."""
    reason = f"typical of {found.cluster_size} images that look alike (typicality {found.typicality:.2f})"
    return Candidate(query.ids[found.row], Source.TYPICAL, found.typicality, reason)


def _candidates(query: Query, rng: np.random.Generator) -> Iterator[Candidate]:
    openings = Openings(query.pool)
    typical = TypicalImages(query, openings, rng)
    while (found := typical.next()) is not None:
        yield candidate(query, found)
        openings.take(found.row)
        typical.take(found.row)
