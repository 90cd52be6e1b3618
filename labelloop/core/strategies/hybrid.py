"""hybrid: a part of the batch covers the pool, the rest looks like the images the newest model failed on.

The mix of FiftyOne's human-annotation guide, with the coverage of strategy `zcore`, which looks at what is labelled and
chosen: of what merely scores best many resemble each other. Before the first model it is all coverage.
"""

import numpy as np
import pandas as pd

from labelloop.core.selection import mine
from labelloop.core.strategies import zcore_cover
from labelloop.core.strategies.query import Query


def rank(query: Query, rng: np.random.Generator) -> pd.DataFrame:
    """Manifest of coverage and neighbours of failures."""
    if query.failures is None or not len(query.pool.zcore):
        return zcore_cover.rank(query, rng)
    return mine(query.failures, query.pool, query.mix, zcore_cover.candidates(query.in_order(), rng))
