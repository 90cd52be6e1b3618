"""hybrid: a part of the batch covers the pool, the rest looks like the images the newest model failed on.

The mix of FiftyOne's human-annotation guide, with ZCore (Griffin et al., arXiv 2411.15349) for the coverage; see
`core/selection.py`. Before the first model it is all coverage.
"""

import numpy as np
import pandas as pd

from labelloop.core.selection import cover, mine
from labelloop.core.strategies.query import Query


def rank(query: Query, rng: np.random.Generator) -> pd.DataFrame:  # noqa: ARG001  nothing is drawn
    """Manifest of coverage and neighbours of failures."""
    if query.failures is None:
        return cover(query.pool, query.mix.budget)
    return mine(query.failures, query.pool, query.mix)
