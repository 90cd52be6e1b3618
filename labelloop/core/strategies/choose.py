"""A batch by the name of a strategy."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd

from labelloop.core.errors import LabelError
from labelloop.core.selection import cover
from labelloop.core.strategies.class_balanced import CANDIDATES, balance
from labelloop.core.strategies.query import Query
from labelloop.core.strategies.table import STRATEGIES, Strategy


def strategy_of(name: str) -> Strategy:
    """The strategy of this name.

    Raises:
        LabelError: If there is none; names those there are.
    """
    if name not in STRATEGIES:
        raise LabelError(f"{name!r} is no query strategy", f"Choose one of {', '.join(STRATEGIES)}.")
    return STRATEGIES[name]


def choose(name: str, query: Query, rng: np.random.Generator, *, class_balanced: bool = False) -> pd.DataFrame:
    """Manifest of the batch that a strategy chooses: exactly min(budget, pool) rows.

    Before the first model there are no predictions: a strategy that reads them is replaced by coverage, classes are
    not balanced, and the reason of each row says so.

    Args:
        name: A strategy of `STRATEGIES`.
        query: What is asked; the order of its rows does not matter.
        rng: All that is drawn comes from it.
        class_balanced: Prefer, among what the strategy proposes, what shows rare classes.

    Raises:
        LabelError: If there is no such strategy, or a sample of the pool has no coverage score.
    """
    strategy = strategy_of(name)
    if strategy.needs_predictions and query.predictions is None:
        return cover(query.pool, query.mix.budget, f"no model yet whose {name} could be asked: ")
    module = import_module(f"{__package__}.{strategy.module}")
    if not class_balanced:
        manifest: pd.DataFrame = module.rank(query, rng)
        return manifest
    if query.predictions is None:
        manifest = module.rank(query, rng)
        return manifest.assign(reason="no model yet to balance classes by: " + manifest["reason"])
    budget = min(query.mix.budget, len(query.pool.zcore))
    wide = replace(query, mix=replace(query.mix, budget=min(CANDIDATES * budget, len(query.pool.zcore))))
    return balance(module.rank(wide, rng), query.predictions, query.class_counts, budget)
