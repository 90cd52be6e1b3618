"""When the loop stops by itself, and the sentence it says then."""

from dataclasses import dataclass

import pandas as pd

from labelloop.core.vocabulary import iteration_number


@dataclass(frozen=True)
class StopRules:
    """The rules, checked in this order after the first one: nothing is left to label.

    Attributes:
        target_map50: val mAP50 that is enough.
        min_gain: A gain in mAP50 per 100 new labels below this is flat.
        patience: Flat iterations in a row that end the loop.
        max_iterations: Iterations in all.
    """

    target_map50: float
    min_gain: float
    patience: int
    max_iterations: int


def stop_reason(history: pd.DataFrame, remaining: int, rules: StopRules) -> str | None:
    """Why the loop should stop now, as a sentence, or None when it should go on.

    Args:
        history: One row for each finished iteration: `iteration`, `labels_used` (images labelled so far, hold-out
            included), `map50` on val; any order.
        remaining: Images of the pool nobody has labelled.
        rules: When to stop.
    """
    past = history.sort_values("iteration", key=lambda keys: keys.map(iteration_number), ignore_index=True)
    if remaining <= 0:
        return "The pool is exhausted: every image is labelled."
    if past.empty:
        return None
    latest = past["map50"].iloc[-1]
    if latest >= rules.target_map50:
        return f"The target is reached: mAP50 {latest:.3f} on val, {rules.target_map50:.3f} were asked for."
    gains = gain_per_100_labels(past).iloc[1:].tail(rules.patience)
    if len(gains) == rules.patience and (gains < rules.min_gain).all():
        told = ", ".join(f"{gain:+.4f}" for gain in gains)
        return (
            f"More labels no longer help: mAP50 gained {told} per 100 labels in the last {rules.patience} iterations, "
            f"less than {rules.min_gain:g} each."
        )
    if len(past) >= rules.max_iterations:
        return f"{len(past)} iterations are done, {rules.max_iterations} were allowed."
    return None


def gain_per_100_labels(history: pd.DataFrame) -> pd.Series:
    """Gain in mAP50 per 100 labels of each iteration over the one before; NaN for the first, 0 without new labels.

    Where `history` has a `yardstick` and it changed, NaN: figures of different val images or classes do not compare.
    """
    labels, gained = history["labels_used"].diff(), history["map50"].diff()
    gains = (100.0 * gained / labels.where(labels > 0)).where(~(labels <= 0), 0.0)
    measured = history["yardstick"].fillna("") if "yardstick" in history else pd.Series("", index=history.index)
    return gains.where(measured == measured.shift(fill_value=""))
