import numpy as np
import pytest

from labelloop.core.boxes import area, as_boxes, clip, iou, match, ordered

SQUARE = (0, 0, 10, 10)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], np.zeros((0, 0))),
        ([], [SQUARE], np.zeros((0, 1))),
        ([SQUARE], [], np.zeros((1, 0))),
        ([SQUARE], [SQUARE], [[1.0]]),
        ([SQUARE], [(5, 0, 15, 10)], [[1 / 3]]),
        ([SQUARE], [(10, 0, 20, 10)], [[0.0]]),  # touching is not overlapping
        ([SQUARE], [(0, 0, 5, 5), (20, 20, 30, 30)], [[0.25, 0.0]]),
        ([(3, 3, 3, 3)], [(3, 3, 3, 3)], [[0.0]]),  # no area, no division by zero
        ([(10, 10, 0, 0)], [SQUARE], [[0.0]]),  # turned inside out
    ],
)
def test_iou(first, second, expected):
    np.testing.assert_allclose(iou(as_boxes(first), as_boxes(second)), expected)


def test_iou_is_symmetric_and_between_0_and_1():
    corners = np.random.default_rng(3).uniform(0, 100, (40, 4))
    first, second = ordered(corners[:25]), ordered(corners[25:])
    overlap = iou(first, second)
    np.testing.assert_array_equal(overlap, iou(second, first).T)
    assert overlap.min() >= 0
    assert overlap.max() <= 1


@pytest.mark.parametrize(("boxes", "expected"), [([], []), ([SQUARE, (0, 0, -5, 5), (2, 2, 4, 5)], [100, 0, 6])])
def test_area(boxes, expected):
    np.testing.assert_array_equal(area(as_boxes(boxes)), expected)


@pytest.mark.parametrize(
    ("boxes", "expected"), [([], []), ([(5, 6, 1, 2)], [(1, 2, 5, 6)]), ([(1, 6, 5, 2)], [(1, 2, 5, 6)])]
)
def test_ordered_puts_the_corners_in_order(boxes, expected):
    np.testing.assert_array_equal(ordered(as_boxes(boxes)), as_boxes(expected))


@pytest.mark.parametrize(
    ("boxes", "width", "height", "expected"),
    [
        ([], 10, 20, []),
        ([(-1, -1, 30, 30)], 10, 20, [(0, 0, 10, 20)]),
        ([(-1, -1, 30, 30), (-1, -1, 30, 30)], [10, 5], [20, 6], [(0, 0, 10, 20), (0, 0, 5, 6)]),
    ],
)
def test_clip(boxes, width, height, expected):
    np.testing.assert_array_equal(clip(as_boxes(boxes), width, height), as_boxes(expected))


NEAR = (0, 0, 10, 9)  # IoU 0.9 with SQUARE
FAR = (50, 50, 60, 60)


@pytest.mark.parametrize(
    ("truth", "predictions", "pairs", "missed", "spurious"),
    [
        ([], [], [], [], []),
        ([], [(SQUARE, "cat", 0.9)], [], [], [0]),
        ([(SQUARE, "cat")], [], [], [0], []),
        ([(SQUARE, "cat")], [(SQUARE, "dog", 0.9)], [], [0], [0]),  # the class must be right
        ([(SQUARE, "cat")], [(FAR, "cat", 0.9)], [], [0], [0]),
        ([(SQUARE, "cat")], [(SQUARE, "cat", 0.5), (NEAR, "cat", 0.9)], [(0, 1)], [], [0]),  # one to one, best score
        ([(SQUARE, "cat")], [(NEAR, "cat", 0.5), (SQUARE, "cat", 0.5)], [(0, 0)], [], [1]),  # tie: the earlier row
        ([(NEAR, "cat"), (SQUARE, "cat")], [(SQUARE, "cat", 0.5)], [(1, 0)], [0], []),  # the best overlap
        ([(SQUARE, "cat"), (FAR, "dog")], [(FAR, "dog", 0.2), (SQUARE, "cat", 0.9)], [(0, 1), (1, 0)], [], []),
    ],
)
def test_match(truth, predictions, pairs, missed, spurious):
    matches = match(
        as_boxes([box for box, _ in truth]),
        [label for _, label in truth],
        as_boxes([box for box, *_ in predictions]),
        [label for _, label, _ in predictions],
        [score for *_, score in predictions],
        0.5,
    )
    assert matches.pairs.tolist() == [list(pair) for pair in pairs]
    assert matches.missed.tolist() == missed
    assert matches.spurious.tolist() == spurious
    assert len(matches.ious) == len(pairs)


def test_match_accounts_for_every_box_once():
    rng = np.random.default_rng(11)
    truth, found = (ordered(rng.uniform(0, 30, (count, 4))) for count in (30, 40))
    matches = match(truth, ["a", "b"] * 15, found, ["a", "b"] * 20, rng.random(40), 0.3)
    assert len(matches.pairs)
    assert sorted([*matches.pairs[:, 0], *matches.missed]) == list(range(30))
    assert sorted([*matches.pairs[:, 1], *matches.spurious]) == list(range(40))
