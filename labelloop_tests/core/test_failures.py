import pandas as pd
import pytest

from labelloop.core.failures import failed, image_errors
from labelloop_tests.core.builders import labels, predictions

CAT = ("cat", 0, 0, 10, 10)
DOG = ("dog", 50, 50, 90, 90)


def errors_of(truth, found, ids, confidence=0.25):
    errors = image_errors(labels(*truth), predictions(*found), ids, min_iou=0.5, confidence=confidence)
    return list(errors.itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("truth", "found", "ids", "expected"),
    [
        ([], [], [], []),
        ([], [], ["a"], [("a", 0, 0, 0)]),  # looked at, empty, and found empty
        ([("a", *CAT)], [], ["a"], [("a", 0, 1, 0)]),
        ([], [("a", *CAT, 0.9)], ["a"], [("a", 0, 0, 1)]),
        ([("a", *CAT)], [("a", *CAT, 0.9)], ["a"], [("a", 1, 0, 0)]),
        ([("a", *CAT)], [("a", *CAT, 0.2)], ["a"], [("a", 0, 1, 0)]),  # below the confidence
        ([("a", *CAT)], [("b", *CAT, 0.9)], ["b", "a"], [("a", 0, 1, 0), ("b", 0, 0, 1)]),
        ([("a", *CAT), ("c", *CAT)], [("c", *DOG, 0.9)], ["a"], [("a", 0, 1, 0)]),  # c was not reviewed
        ([("a", *CAT), ("a", *DOG)], [("a", *CAT, 0.5), ("a", *CAT, 0.6)], ["a", "a"], [("a", 1, 1, 1)]),
    ],
)
def test_image_errors(truth, found, ids, expected):
    assert errors_of(truth, found, ids) == expected


def errors_frame(*rows):
    return pd.DataFrame(list(rows), columns=["sample_id", "tp", "fn", "fp"])


@pytest.mark.parametrize(
    ("rows", "top", "expected"),
    [
        ([], 10, ([], [])),
        ([("a", 5, 0, 0), ("b", 0, 0, 0)], 10, ([], [])),  # defect (g): only images with an error
        ([("a", 0, 1, 0), ("b", 0, 3, 2), ("c", 0, 0, 1)], 10, (["b", "a"], ["b", "c"])),
        ([("c", 0, 2, 0), ("a", 0, 2, 0), ("b", 0, 2, 0)], 2, (["a", "b"], [])),  # ties by sample id
        ([("a", 0, 1, 1)], 0, ([], [])),
    ],
)
def test_failed_images_have_an_error_and_the_worst_come_first(rows, top, expected):
    assert failed(errors_frame(*rows), top) == expected


def test_failed_does_not_depend_on_the_order_of_rows():
    rows = errors_frame(*[(f"s{number:02d}", 0, number % 3, number % 4) for number in range(30)])
    assert failed(rows, 12) == failed(rows.sample(frac=1, random_state=2), 12)
