"""Pools whose best batch is known: near-copies, a crowd with a rare rest."""

from functools import cache

import numpy as np
import pandas as pd

from labelloop.core.selection import Mix, Pool
from labelloop.core.strategies.choose import choose
from labelloop.core.strategies.query import Query
from labelloop.core.zcore import zcore_scores


def query_of(rows, budget=50, *, zcore=None, **pool):
    ids = [f"p{number:06d}" for number in range(len(rows))]
    scores = zcore_scores(rows, n_sample=2000, seed=1) if zcore is None else zcore
    return Query(Pool(pd.Series(scores, index=ids, dtype=float), rows, **pool), Mix(budget, 0.3, 20))


def chosen(name, pool, budget=50, seed=0):
    """Rows of a pool that a strategy chooses, best first."""
    query = pool if isinstance(pool, Query) else query_of(pool, budget)
    return rows_of(choose(name, query, np.random.default_rng(seed)))


def rows_of(manifest):
    return [int(sample_id[1:]) for sample_id in manifest["sample_id"]]


@cache
def near_copies(noise, dims=64, seed=0):
    """50 groups of 10: row i belongs to group i // 10."""
    rng = np.random.default_rng(seed)
    return unit(np.repeat(rng.normal(size=(50, dims)), 10, axis=0) + noise * rng.normal(size=(500, dims)))


@cache
def rare(spread, dims=64, seed=0):
    """900 images in one crowd and 100, the last ones, everywhere else or in a looser cluster of their own."""
    rng = np.random.default_rng(seed)
    crowd = unit(rng.normal(size=(1, dims))) + 0.02 * rng.normal(size=(900, dims))
    others = rng.normal(size=(100, dims)) if spread else unit(rng.normal(size=(1, dims)))
    return unit(np.vstack([crowd, others + (0 if spread else 0.05 * rng.normal(size=(100, dims)))]))


def rare_share(rows):
    return float(np.mean(np.array(rows) >= 900))


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
