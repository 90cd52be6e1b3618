"""Did a strategy help? Learning curves compared with random, seed by seed, and with how much chance alone differs.

The figure of a curve is its mean mAP between the first and the last number of labels (area under the curve, divided
by its width). A seed's gain is that of the strategy less the mean of two independent replays of random, which share
the first batch and model with it. Paired comparison over seeds as Munjal et al., "Towards Robust and Reproducible
Active Learning Using Neural Networks", CVPR 2022, arXiv 2002.09564, ask for.

The more arms are compared, the likelier one of them is ahead by chance. So the intervals hold together: each is at
1 - 0.05 / arms, and so is the floor (Bonferroni's inequality; Dunn, "Multiple Comparisons Among Means", JASA 56, 1961).
That needs no assumption on how arms hang together, and unlike Holm's steps it leaves intervals that say what is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from labelloop.core.replay import AGAIN, RANDOM

LEVEL = 0.95
METRIC = "map50"
WORTH = 0.01  # gain in mAP below which nobody would bother; without it no number of seeds could say "does not help"
RULE = (
    "gain = mean over seeds of (area of the strategy - mean area of two replays of random); interval = paired t over "
    "seeds; floor = what another replay of random reaches by chance (from the differences of the two); both hold with "
    "95 % for all strategies of a table together: each is at 1 - 0.05 / strategies (Bonferroni; Dunn, JASA 56, 1961). "
    "helps: the interval is above 0 and the gain above the floor. does not help: the interval ends below "
    f"{WORTH}. Otherwise undecided."
)


class Verdict(StrEnum):
    """What the seeds say."""

    HELPS = "helps"
    NOT = "does not help"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Comparison:
    """An arm against random.

    Attributes:
        arm: Its name.
        seeds: Replays that are complete.
        area: Mean area under its curve.
        gain: Mean over seeds of its area less that of random.
        low: Lower end of the interval of the gain, 95 % for all arms together.
        high: Upper end.
        floor: Gain that the best of as many replays of random reaches against random by chance.
        last: Mean mAP at the last number of labels.
        verdict: What follows.
    """

    arm: str
    seeds: int
    area: float
    gain: float
    low: float
    high: float
    floor: float
    last: float
    verdict: Verdict


def areas(points: pd.DataFrame, labels: Sequence[int], metric: str = METRIC) -> pd.DataFrame:
    """Mean mAP between the first and last number of labels, seeds by arms; NaN where a replay is not complete.

    Args:
        points: One row for each turn: `arm, seed, labels` and the metric.
        labels: The numbers of labels of a complete replay.
        metric: `map50` or `map50_95`.
    """
    curves = points.pivot_table(index=["arm", "seed"], columns="labels", values=metric).reindex(columns=list(labels))
    under = np.trapezoid(curves.to_numpy(), x=np.asarray(labels, dtype=float), axis=1)
    return pd.Series(under / (labels[-1] - labels[0]), index=curves.index).unstack("arm")  # noqa: PD010  a series


def compare(points: pd.DataFrame, labels: Sequence[int], metric: str = METRIC) -> list[Comparison]:
    """Every arm but random against random, the largest gain first; arms with fewer than two seeds are left out.

    What is left out does not count among the arms over which the level is shared.
    """
    found = areas(points, labels, metric)
    if not {RANDOM.name, AGAIN.name} <= set(found.columns):
        return []
    found = found.dropna(subset=[RANDOM.name, AGAIN.name])
    base = found[[RANDOM.name, AGAIN.name]].mean(axis=1)
    apart = (found[AGAIN.name] - found[RANDOM.name]).to_numpy()
    last = points[points["labels"] == labels[-1]].pivot_table(index="seed", columns="arm", values=metric)
    arms = [arm for arm in found.columns.difference([RANDOM.name, AGAIN.name]) if found[arm].count() >= 2]
    results = []
    for arm in arms:
        own = found[arm].dropna()
        gains = (own - base[own.index]).to_numpy()
        low, high = interval(gains, len(arms))
        floor = noise_floor(apart, len(own), len(arms))
        judged = judge(float(gains.mean()), low, high, floor)
        results.append(
            Comparison(
                str(arm), len(own), float(own.mean()), float(gains.mean()), low, high, floor,
                float(last.loc[own.index, arm].mean()), judged,
            )
        )  # fmt: skip
    return sorted(results, key=lambda each: (-each.gain, each.arm))


def interval(gains: np.ndarray, arms: int = 1) -> tuple[float, float]:
    """Interval of the mean of paired gains (S,), by Student's t: 95 % for as many `arms` together."""
    half = float(_t(len(gains) - 1, arms) * gains.std(ddof=1) / np.sqrt(len(gains)))
    return float(gains.mean()) - half, float(gains.mean()) + half


def noise_floor(apart: np.ndarray, seeds: int, arms: int = 1) -> float:
    """The mean gain over `seeds` that any of `arms` more replays of random exceeds with a chance of 2.5 % at most.

    Args:
        apart: Differences of two replays of random, by seed. Their true mean is 0, so none is estimated; each has
            twice the variance of a replay, and a gain against the mean of two has one and a half times that.
        seeds: Replays of the arm that is judged.
        arms: How many are judged beside each other, this one included.
    """
    spread = np.sqrt((apart**2).mean() * 0.75)
    return float(_t(len(apart), arms) * spread / np.sqrt(seeds))


def judge(gain: float, low: float, high: float, floor: float) -> Verdict:
    """The verdict of `RULE`."""
    if low > 0 and gain > floor:
        return Verdict.HELPS
    return Verdict.NOT if high < WORTH else Verdict.UNDECIDED


def _t(freedom: int, arms: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - (1 - LEVEL) / 2 / arms))
