"""The query strategies by name. To add one: a module with `rank(query, rng)` in this package, and a line here.

The modules are imported when they are chosen: settings look up names in this table, and must stay quick to import.
"""

from collections.abc import Mapping
from dataclasses import dataclass

CHOOSING = 2  # raised when a strategy chooses otherwise than before: what was measured of it no longer holds


@dataclass(frozen=True)
class Strategy:
    """A query strategy.

    Attributes:
        module: Its module in this package.
        needs_predictions: Whether it reads what the newest model predicts on the pool.
    """

    module: str
    needs_predictions: bool = False


STRATEGIES: Mapping[str, Strategy] = {
    "hybrid": Strategy("hybrid"),
    "random": Strategy("random_draw"),
    "zcore": Strategy("zcore_cover"),
    "k_center": Strategy("k_center"),
    "typiclust": Strategy("typiclust"),
    "entropy": Strategy("entropy", needs_predictions=True),
    "margin": Strategy("margin", needs_predictions=True),
}
