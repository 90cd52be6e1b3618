"""random: every image has the same chance.

The arm that every other strategy has to beat: with proper training few do by much (Munjal et al., "Towards Robust and
Reproducible Active Learning Using Neural Networks", CVPR 2022, arXiv 2002.09564).
"""

import numpy as np
import pandas as pd

from labelloop.core.batch import Candidate
from labelloop.core.strategies.query import Query
from labelloop.core.vocabulary import Source


def rank(query: Query, rng: np.random.Generator) -> pd.DataFrame:
    """Manifest of images at random; a row's score is the number it drew."""
    query = query.in_order()
    drawn = rng.random(len(query.ids))
    rows = np.argsort(-drawn, kind="stable")
    return query.manifest(
        Candidate(query.ids[row], Source.RANDOM, float(drawn[row]), "drawn at random") for row in rows
    )
