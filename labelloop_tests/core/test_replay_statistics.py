import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from labelloop.core.replay_statistics import RULE, Verdict, areas, compare, interval, judge, noise_floor
from labelloop.core.replay_table import as_markdown
from labelloop_tests.benchmarks.selection import RESULTS

LABELS = (10, 20, 40)


def curves(**arms):
    """Curves whose first point is 0.2 and which end, at both later points, at the figures given for each seed."""
    rows = [
        (arm, seed, labels, 0.2 if labels == 10 else end, end / 2, 3 * labels)
        for arm, ends in arms.items()
        for seed, end in enumerate(ends)
        for labels in LABELS
    ]
    points = pd.DataFrame(rows, columns=["arm", "seed", "labels", "map50", "map50_95", "boxes"])
    return points.replace({"arm": {"again": "random-again"}})


def found(**arms):
    return {each.arm: each for each in compare(curves(**arms), LABELS)}


def test_the_area_is_the_mean_over_the_labels_whatever_their_distances():
    assert areas(curves(random=[0.4]), LABELS).loc[0, "random"] == pytest.approx((10 * 0.3 + 20 * 0.4) / 30)


def test_a_replay_that_is_not_complete_has_no_area():
    points = curves(random=[0.4, 0.5])
    found = areas(points[~((points["seed"] == 1) & (points["labels"] == 20))], LABELS)["random"]
    assert found.notna().tolist() == [True, False]


def test_the_interval_is_that_of_students_t():
    low, high = interval(np.array([0.01, 0.02, 0.03]))
    assert (low, high) == pytest.approx((0.02 - 4.302653 * 0.01 / 3**0.5, 0.02 + 4.302653 * 0.01 / 3**0.5))


def test_the_intervals_of_several_arms_hold_together_and_so_do_their_floors():
    """Student's t at 1 - 0.025 / 2 and 1 - 0.025 / 8, of a table."""
    gains, apart = np.array([0.01, 0.02, 0.03]), np.array([0.02, -0.02])
    assert interval(gains, 2) == pytest.approx((0.02 - 6.205347 * 0.01 / 3**0.5, 0.02 + 6.205347 * 0.01 / 3**0.5))
    assert interval(gains, 8)[0] == pytest.approx(0.02 - 12.589741 * 0.01 / 3**0.5)
    assert noise_floor(apart, 4, 8) == pytest.approx(12.589741 * 0.02 * (1.5 / 2) ** 0.5 / 2)


def test_the_more_arms_are_compared_the_less_a_gain_says():
    base = np.array([0.30, 0.50, 0.40, 0.60])
    near = np.array([0.01, -0.01, 0.01, -0.01])
    gains = {"ahead": base + np.array([0.03, 0.05, 0.04, 0.04])}
    alone = found(random=base, again=base + near, **gains)["ahead"]
    others = {f"arm{number}": base + near for number in range(30)}
    among = found(random=base, again=base + near, **gains, **others)["ahead"]
    assert (alone.verdict, among.verdict) == (Verdict.HELPS, Verdict.UNDECIDED)
    assert (among.low, among.floor) < (alone.low, alone.floor)
    assert among.gain == alone.gain


def test_random_is_rarely_told_to_help_however_many_of_it_are_compared():
    """Eight strategies that are random themselves, five seeds: one of them helps in 2.5 % of all benchmarks at most."""
    drawn = np.random.default_rng(0).normal(size=(1000, 10, 5))

    def told(arms):
        return np.mean([any(helps(replays, arm, arms) for arm in replays[2:]) for replays in drawn])

    def helps(replays, arm, arms):
        gains, floor = arm - replays[:2].mean(axis=0), noise_floor(replays[1] - replays[0], 5, arms)
        return judge(float(gains.mean()), *interval(gains, arms), floor) is Verdict.HELPS

    assert told(8) <= 0.025
    assert told(1) > 0.025  # what the level of one arm would do


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_the_results_that_are_kept_are_judged_by_the_rule_of_now(path):
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["rule"] == RULE
    for key, metric in (("comparisons", "map50"), ("comparisons_map50_95", "map50_95")):
        now = [asdict(each) for each in compare(pd.DataFrame(result["points"]), result["labels"], metric)]
        for kept, own in zip(result[key], now, strict=True):
            close = {name: pytest.approx(each) if isinstance(each, float) else each for name, each in own.items()}
            assert kept == close
    assert path.with_suffix(".md").read_text(encoding="utf-8") == as_markdown(result)


def test_the_floor_is_what_another_replay_of_random_reaches_by_chance():
    drawn = np.random.default_rng(0).normal(size=(20_000, 3, 5))  # two replays of random and a third, five seeds
    floor = np.mean([noise_floor(second - first, 5) for first, second, _ in drawn[:2000]])
    gains = (drawn[:, 2] - drawn[:, :2].mean(axis=1)).mean(axis=1)
    known = 1.959964 * gains.std()
    assert known < floor < 1.5 * known  # with the spread estimated from five it has to be larger


@pytest.mark.parametrize(
    ("apart", "seeds", "t"),
    [([0.02, -0.02], 1, 4.302653), ([0.02, -0.02], 4, 4.302653), ([0.02, 0.02, 0.02], 4, 3.182446)],
)
def test_the_floor_takes_the_mean_of_two_replays_of_random_to_be_0_apart_and_estimates_no_mean(apart, seeds, t):
    """Each replay has half the variance of the difference; a gain against the mean of two has 1.5 times that."""
    assert noise_floor(np.array(apart), seeds) == pytest.approx(t * 0.02 * (1.5 / 2) ** 0.5 / seeds**0.5)


@pytest.mark.parametrize(
    ("gain", "low", "high", "floor", "expected"),
    [
        (0.05, 0.01, 0.09, 0.02, Verdict.HELPS),
        (0.05, 0.01, 0.09, 0.06, Verdict.UNDECIDED),  # random itself differs by more
        (0.05, 0.01, 0.09, 0.05, Verdict.UNDECIDED),
        (0.05, 0.00, 0.10, 0.02, Verdict.UNDECIDED),
        (0.05, -0.01, 0.11, 0.02, Verdict.UNDECIDED),
        (0.00, -0.01, 0.02, 0.06, Verdict.UNDECIDED),  # noise in random makes nothing sure
        (0.00, -0.01, 0.009, 0.02, Verdict.NOT),
        (0.002, -0.005, 0.009, 0.001, Verdict.NOT),  # whatever it is, it is not worth the trouble
        (0.002, -0.005, 0.010, 0.001, Verdict.UNDECIDED),
        (-0.05, -0.09, -0.01, 0.02, Verdict.NOT),
        (-0.05, -0.15, 0.05, 0.02, Verdict.UNDECIDED),
    ],
)
def test_the_rule(gain, low, high, floor, expected):
    assert judge(gain, low, high, floor) is expected


def test_seeds_are_paired_so_that_what_they_share_does_not_count():
    base = np.array([0.30, 0.50, 0.40, 0.60, 0.35])
    noise = np.array([0.001, -0.002, 0.002, -0.001, 0.0])
    result = found(
        random=base, again=base + noise, better=base + 0.05 + noise, worse=base - 0.05, same=base - noise
    )  # fmt: skip
    assert list(result) == ["better", "same", "worse"]
    assert {name: each.verdict.value for name, each in result.items()} == {
        "better": "helps", "same": "does not help", "worse": "does not help",
    }  # fmt: skip
    assert result["better"].gain == pytest.approx(25 / 30 * 0.05)
    assert result["better"].last == pytest.approx(base.mean() + 0.05)


def test_the_mean_of_both_replays_of_random_is_what_counts():
    result = found(random=[0.3, 0.4], again=[0.5, 0.6], arm=[0.4, 0.5])
    assert result["arm"].gain == pytest.approx(0.0)


def test_arms_are_compared_at_the_seeds_that_are_complete():
    points = curves(
        random=[0.3, 0.4, 0.5, 0.6], again=[0.32, 0.4, 0.5, 0.9], slow=[0.41, 0.5, 0.9, 0.9],
        begun=[0.5, 0.5, 0.5, 0.5],
    )  # fmt: skip
    arm, seed, middle = points["arm"], points["seed"], points["labels"] == 20
    missing = (arm == "slow") & (seed == 2) & middle | (arm == "begun") & (seed > 0)
    missing |= (arm == "random-again") & (seed == 3) & middle
    [slow] = compare(points[~missing], LABELS)
    assert (slow.arm, slow.seeds) == ("slow", 2)
    assert slow.gain == pytest.approx(25 / 30 * 0.1)
    assert slow.last == pytest.approx((0.41 + 0.5) / 2)
    assert slow.floor == pytest.approx(noise_floor(np.array([25 / 30 * 0.02, 0.0, 0.0]), 2))


def test_without_both_replays_of_random_nothing_is_compared():
    assert compare(curves(random=[0.3, 0.4], zcore=[0.3, 0.4]), LABELS) == []


def test_the_order_of_rows_does_not_matter():
    points = curves(random=[0.3, 0.4], again=[0.31, 0.4], zcore=[0.35, 0.41])
    assert compare(points.sample(frac=1, random_state=1), LABELS) == compare(points, LABELS)


def test_the_table_names_every_arm_also_before_anything_can_be_compared():
    points = curves(random=[0.3])
    result = {
        "source": ["voc scenes"], "images": {"pool": 9, "test": 4}, "measured_on": "test", "seeds": 2, "rule": "a rule",
        "labels": list(LABELS), "arms": ["random", "zcore"], "points": points.to_dict("records"), "comparisons": [],
        "comparisons_map50_95": [],
    }  # fmt: skip
    text = as_markdown(result)
    assert "voc scenes (9 pool, 4 test); measured on test; 2 seeds; labels 10, 20, 40." in text
    assert "| random | 0.200 ± nan | 0.300 ± nan | 0.300 ± nan | 120 |" in text
    assert "| zcore |  |  |  | 0 |" in text
    result["comparisons"] = [
        {"arm": "zcore", "verdict": "helps", "gain": 0.05, "low": 0.01, "high": 0.09, "floor": 0.02, "seeds": 2}
    ]
    result["comparisons_map50_95"] = [result["comparisons"][0] | {"gain": -0.01}]
    row = "| zcore | helps | +0.0500 | +0.0100 to +0.0900 | 0.0200 | -0.0100 (+0.0100 to +0.0900) | 0 | 2 |"
    assert row in as_markdown(result)
