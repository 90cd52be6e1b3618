import math

import pandas as pd
import pytest

from labelloop.core.quality import agreement, class_counts, class_drift, class_table
from labelloop_tests.core.builders import labels

CAT = ("cat", 0, 0, 10, 10)
SHIFTED = ("cat", 0, 0, 10, 8)  # IoU 0.8 with CAT
DOG = ("dog", 50, 50, 90, 90)


@pytest.mark.parametrize(
    ("now", "past", "expected"),
    [
        ({}, {}, 0.0),
        ({"cat": 0}, {"cat": 3}, 0.0),
        ({"cat": 3}, {}, 0.0),
        ({"cat": 3, "dog": 1}, {"cat": 300, "dog": 100}, 0.0),
        ({"cat": 1}, {"dog": 1}, 1.0),
        ({"cat": 3, "dog": 1}, {"cat": 1, "dog": 1}, 0.25),
        ({"cat": 1, "dog": 1}, {"cat": 1, "dog": 1, "ant": 2}, 0.5),  # a class that one side does not know
    ],
)
def test_class_drift(now, past, expected):
    one, two = (pd.Series(counts, dtype=float) for counts in (now, past))
    assert class_drift(one, two) == pytest.approx(expected)
    assert class_drift(two, one) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rows", "expected"), [([], [0, 0]), ([("a", *CAT), ("b", *CAT)], [0, 2]), ([("a", *DOG)], [1, 0])]
)
def test_class_counts_have_every_class_in_the_order_of_the_schema(rows, expected):
    assert class_counts(labels(*rows), ["dog", "cat"]).tolist() == expected


def test_class_table():
    table = class_table(labels(("a", *CAT), ("a", *CAT), ("b", *CAT), ("b", *DOG)), ["dog", "cat", "ant"])
    assert table.to_dict("list") == {
        "label": ["dog", "cat", "ant"], "boxes": [1, 3, 0], "images": [1, 2, 0], "share": [0.25, 0.75, 0.0]
    }  # fmt: skip
    assert class_table(labels(), []).empty


@pytest.mark.parametrize(
    ("first", "second", "ids", "expected", "share"),
    [
        ([], [], [], (0, 0, 0, 0, 0, math.nan), 1.0),
        ([], [], ["a"], (1, 0, 0, 0, 0, math.nan), 1.0),  # both found nothing: they agree
        ([("a", *CAT)], [], ["a"], (1, 0, 0, 1, 0, math.nan), 0.0),
        ([], [("a", *CAT)], ["a"], (1, 0, 0, 0, 1, math.nan), 0.0),
        ([("a", *CAT)], [("a", *SHIFTED)], ["a"], (1, 1, 1, 0, 0, 0.8), 1.0),
        ([("a", *CAT)], [("a", "dog", *CAT[1:])], ["a"], (1, 1, 0, 0, 0, 1.0), 0.0),  # found, but called otherwise
        ([("a", *CAT), ("b", *DOG)], [("a", *CAT)], ["a"], (1, 1, 1, 0, 0, 1.0), 1.0),  # b is not compared
        ([("a", *CAT), ("b", *DOG)], [("a", *CAT)], ["a", "b"], (2, 1, 1, 1, 0, 1.0), 0.5),
        ([("a", *CAT)], [("a", *SHIFTED), ("a", *CAT)], ["a"], (1, 1, 1, 0, 1, 1.0), 0.5),  # the better one is matched
    ],
)
def test_agreement(first, second, ids, expected, share):
    found = agreement(labels(*first), labels(*second), ids)
    images, matched, same_class, missing, extra, mean_iou = expected
    assert (found.images, found.matched, found.same_class, found.missing, found.extra) == (
        images, matched, same_class, missing, extra
    )  # fmt: skip
    assert found.mean_iou == pytest.approx(mean_iou, nan_ok=True)
    assert found.share == pytest.approx(share)


def test_equal_counts_in_other_places_do_not_agree():
    """Defect (h) of the published guides: golden images are compared by counts of classes."""
    first, second = labels(("a", *CAT)), labels(("a", "cat", 300, 300, 310, 310))
    assert class_counts(first, ["cat"]).tolist() == class_counts(second, ["cat"]).tolist()
    assert agreement(first, second, ["a"]).share == 0.0


def test_agreement_is_the_same_both_ways():
    first, second = labels(("a", *CAT), ("a", *DOG)), labels(("a", *SHIFTED), ("b", *DOG))
    there, back = agreement(first, second, ["a", "b"]), agreement(second, first, ["a", "b"])
    assert there.share == back.share
    assert (there.missing, there.extra) == (back.extra, back.missing)
