import numpy as np
import pandas as pd
import pytest

from labelloop.core.batch import Candidate, manifest_of
from labelloop.core.strategies.class_balanced import balance
from labelloop.core.strategies.entropy import entropy
from labelloop.core.strategies.margin import closeness
from labelloop.core.strategies.unsure import by_uncertainty
from labelloop.core.vocabulary import Source
from labelloop_tests.core.builders import predictions, unit_rows
from labelloop_tests.core.strategies.pools import query_of, rows_of


@pytest.mark.parametrize(("score", "bits"), [(0.5, 1.0), (0.0, 0.0), (1.0, 0.0), (0.25, 0.811278), (0.75, 0.811278)])
def test_a_box_is_most_uncertain_at_one_half(score, bits):
    assert entropy([score])[0] == pytest.approx(bits, abs=1e-6)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([("cat", 0, 0.95)], [0.1]),  # cat or nothing
        ([("cat", 0, 0.5)], [1.0]),
        ([("cat", 0, 0.05)], [0.1]),
        ([("cat", 0, 0.6), ("dog", 1, 0.55)], [0.95, 0.0]),  # cat or dog, told once
        ([("cat", 0, 0.6), ("cat", 1, 0.55)], [0.8, 0.9]),  # two boxes of one class are no rivals
        ([("cat", 0, 0.6), ("dog", 50, 0.55)], [0.8, 0.9]),  # nor those elsewhere
        ([("cat", 0, 0.6), ("dog", 0, 0.6)], [1.0, 1.0]),
        ([], []),
    ],
)
def test_the_margin_is_between_the_two_best_answers(boxes, expected):
    rows = [("a", label, x, 0, x + 10, 10, score) for label, x, score in boxes]
    np.testing.assert_allclose(closeness(predictions(*rows)), expected, atol=1e-9)


def test_boxes_are_at_the_same_place_from_half_an_iou_on():
    for height, expected in ((10.0, [0.95, 0.0]), (9.9, [0.8, 0.9])):
        boxes = predictions(("a", "cat", 0, 0, 10, 20, 0.6), ("a", "dog", 0, 0, 10, height, 0.55))
        np.testing.assert_allclose(closeness(boxes), expected, atol=1e-9)


def test_sums_that_differ_by_a_rounding_tie_by_coverage():
    query = query_of(unit_rows(2, 4), 2, zcore=[0.1, 0.9])
    boxes = predictions(*[(f"p00000{row}", "cat", 0, 0, 9, 9, 0.5) for row in (0, 0, 1)])
    unsure = np.array([0.1, 0.2, 0.3])
    assert unsure[0] + unsure[1] > unsure[2]
    assert rows_of(by_uncertainty(query, boxes, unsure, "doubt")) == [1, 0]


def test_boxes_of_other_images_are_no_rivals():
    boxes = predictions(
        ("a", "cat", 0, 0, 10, 10, 0.6), ("b", "dog", 0, 0, 10, 10, 0.55), ("a", "dog", 0, 0, 10, 9, 0.3)
    )
    np.testing.assert_allclose(closeness(boxes), [0.8, 0.9, 0.0], atol=1e-9)


def ranked(*names):
    return manifest_of([Candidate(name, Source.COVERAGE, 1.0, "covers") for name in names])


def test_images_of_rare_classes_come_first_until_they_are_no_longer_rare():
    boxes = predictions(
        *[(name, "cat", 0, 0, 9, 9, 0.9) for name in "abc"], *[(name, "dog", 0, 0, 9, 9, 0.9) for name in "xyz"]
    )
    kept = balance(ranked(*"abcxyz"), boxes, {"cat": 4, "dog": 0}, 6)
    assert kept["sample_id"].tolist() == ["x", "y", "z", "a", "b", "c"]
    assert kept["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert kept["reason"].iloc[0] == "covers; may show dog"
    even = balance(ranked(*"abcxyz"), boxes, {"cat": 0, "dog": 0}, 4)
    assert even["sample_id"].tolist() == ["a", "x", "b", "y"]


def test_a_class_that_nothing_shows_weighs_as_much_as_two_that_one_image_shows():
    boxes = predictions(("a", "dog", 0, 0, 9, 9, 1.0), ("a", "bird", 0, 0, 9, 9, 1.0), ("b", "cat", 0, 0, 9, 9, 1.0))
    for birds, first in ((1, "a"), (2, "b")):  # 1/2 + 1/2 against 1, a tie, and 1/2 + 1/3
        kept = balance(ranked("a", "b"), boxes, {"cat": 0, "dog": 1, "bird": birds}, 1)
        assert kept["sample_id"].tolist() == [first]


def test_many_boxes_of_one_class_count_as_one_image_and_unknown_classes_not_at_all():
    boxes = predictions(
        *[("a", "cat", 9 * number, 0, 9, 9, 0.5) for number in range(8)], ("b", "cat", 0, 0, 9, 9, 1.0),
        ("c", "bird", 0, 0, 9, 9, 1.0),
    )  # fmt: skip
    kept = balance(ranked("c", "a", "b"), boxes, {"cat": 0}, 2)
    assert kept["sample_id"].tolist() == ["b", "a"]


def test_without_predictions_or_classes_the_ranks_stay():
    manifest = ranked(*"cab")
    nothing = predictions(("a", "cat", 0, 0, 9, 9, 0.9)).iloc[:0]
    for counts in ({}, {"cat": 3}):
        pd.testing.assert_frame_equal(balance(manifest, nothing, counts, 3), manifest)
