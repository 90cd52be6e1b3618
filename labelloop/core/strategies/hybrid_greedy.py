"""hybrid_greedy: as hybrid, but the part that covers the pool looks at what is labelled and chosen, as `zcore` does.

ZCore scores each image once, so those that score best may resemble each other and what is labelled already.
"""

import numpy as np
import pandas as pd

from labelloop.core.selection import coverage_ranking, mine
from labelloop.core.strategies import zcore_cover
from labelloop.core.strategies.query import Query


def rank(query: Query, rng: np.random.Generator) -> pd.DataFrame:
    """Manifest of greedy coverage and neighbours of failures."""
    if query.failures is None or not len(query.pool.zcore):
        return zcore_cover.rank(query, rng)
    coverage_ranking(query.pool.zcore)  # refuses missing scores
    return mine(query.failures, query.pool, query.mix, zcore_cover.candidates(query.in_order(), rng))
