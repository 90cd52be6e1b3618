import math

import pandas as pd
import pytest

from labelloop.core.stopping import StopRules, gain_per_100_labels, stop_reason

RULES = StopRules(target_map50=0.95, min_gain=0.005, patience=3, max_iterations=20)


def history(*rows):
    rows = [(f"v{number}", labels, map50) for number, (labels, map50) in enumerate(rows)]
    return pd.DataFrame(rows, columns=["iteration", "labels_used", "map50"])


RISING = [(100 * number, 0.3 + 0.05 * number) for number in range(1, 5)]
FLAT = [(100, 0.5), (200, 0.7), (300, 0.701), (400, 0.702), (500, 0.7)]


@pytest.mark.parametrize(
    ("past", "remaining", "told"),
    [
        ([], 10, None),
        ([], 0, "The pool is exhausted: every image is labelled."),
        ([(100, 0.4)], 10, None),
        (RISING, 10, None),
        (RISING, 0, "The pool is exhausted: every image is labelled."),
        ([(100, 0.95)], 10, "The target is reached: mAP50 0.950 on val, 0.950 were asked for."),
        ([(100, 0.96), (200, 0.4)], 10, None),  # reached once and lost again
        (FLAT[:4], 10, None),  # two flat gains, three are asked for
        (
            FLAT,
            10,
            "More labels no longer help: mAP50 gained +0.0010, +0.0010, -0.0020 per 100 labels in the last 3 "
            "iterations, less than 0.005 each.",
        ),
        ([*FLAT, (600, 0.8)], 10, None),
        ([(40 * number, 0.03 * number) for number in range(1, 21)], 10, "20 iterations are done, 20 were allowed."),
        ([(40, math.nan), (80, math.nan), (120, math.nan), (160, math.nan)], 10, None),
    ],
)
def test_the_first_rule_that_holds_is_told(past, remaining, told):
    assert stop_reason(history(*past), remaining, RULES) == told


def test_a_gain_is_measured_per_100_labels_not_per_iteration():
    small_steps = history(*[(10 * number, 0.4 + 0.002 * number) for number in range(1, 8)])
    assert stop_reason(small_steps, 10, RULES) is None


def test_iterations_are_ordered_as_numbers():
    """v9, v10 and v11 are the last three of these, and the flat ones."""
    past = history(*[(100 * number, 0.05 * min(number, 8)) for number in range(12)])
    for rows in (past, past.sort_values("iteration"), past.sample(frac=1, random_state=1)):
        assert "More labels no longer help" in str(stop_reason(rows, 10, RULES))
    assert stop_reason(past.iloc[:-1], 10, RULES) is None


def test_no_new_labels_are_no_gain():
    gains = gain_per_100_labels(history((100, 0.5), (100, 0.6), (150, 0.7)))
    assert math.isnan(gains[0])
    assert gains[1:].tolist() == pytest.approx([0.0, 0.2])


def test_a_gain_over_figures_of_another_val_is_none():
    measured = history((100, 0.5), (150, 0.2), (200, 0.3)).assign(yardstick=["x", "y", "y"])
    gains = gain_per_100_labels(measured)
    assert gains.isna().tolist() == [True, True, False]
    rules = StopRules(target_map50=0.9, min_gain=0.005, patience=2, max_iterations=20)
    assert stop_reason(measured, 10, rules) is None
    assert "no longer help" in str(stop_reason(measured.assign(yardstick="y", map50=0.2), 10, rules))
