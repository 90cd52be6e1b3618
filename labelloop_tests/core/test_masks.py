import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelloop.core.masks import coco_mask, kept_mask, mask_in_box, pixels_of, runs_of

MASKS = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(mask=MASKS)
def test_runs_and_pixels_are_each_others_inverse(mask):
    height, width = mask.shape
    assert (pixels_of(runs_of(mask), width, height) == mask).all()


@given(mask=MASKS)
def test_coco_runs_down_the_columns(mask):
    rle = {"size": list(mask.shape), "counts": runs_of(mask.T)}
    assert (coco_mask(rle) == mask).all()


@pytest.mark.parametrize(
    ("runs", "width", "height"), [([4], 2, 3), ([7], 2, 3), ([-1, 7], 2, 3), ([0], 0, 0), ([10**12], 10**6, 10**6)]
)
def test_runs_that_do_not_fill_their_mask_are_refused(runs, width, height):
    with pytest.raises(ValueError, match="mask of"):
        pixels_of(runs, width, height)


@pytest.mark.parametrize(
    ("left", "top", "expected"),
    [
        (3, 2, [[1, 0], [0, 1]]),
        (2, 2, [[0, 1], [0, 0]]),
        (4, 3, [[1, 0], [0, 0]]),
        (50, 2, [[0, 0], [0, 0]]),
    ],
)
def test_a_mask_with_a_place_is_cut_to_its_box(left, top, expected):
    kept = kept_mask(np.array([[True, False], [False, True]]), left=3, top=2)
    assert mask_in_box({"mask": kept}, (left, top, left + 2, top + 2)).tolist() == expected


def test_a_mask_without_a_place_fills_its_box_whatever_the_size():
    mask = np.array([[True, False, True]])
    assert (mask_in_box({"mask": kept_mask(mask)}, (0, 0, 30, 30)) == mask).all()


def test_all_rings_of_an_outline_belong_to_the_object():
    rings = [[[10, 10], [14, 10], [14, 14], [10, 14]], [[16, 10], [18, 10], [18, 14], [16, 14]]]
    mask = mask_in_box({"rings": rings}, (10, 10, 18, 14))
    assert mask.shape == (4, 8)
    assert mask.sum() == 16 + 8


def test_a_box_alone_has_no_mask():
    assert mask_in_box({"attributes": {}}, (0, 0, 3, 3)) is None
