import numpy as np
import pytest

from labelloop.core import unit_vectors
from labelloop.core.errors import LabelError
from labelloop.core.unit_vectors import UnitVectors
from labelloop_tests.core.builders import unit_rows


def test_a_cosine_is_what_float64_gives_up_to_the_grid():
    rows = unit_rows(60, 388) * np.linspace(0.01, 90, 60)[:, None]
    vectors = UnitVectors(rows)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors.cosines(vectors.rows(slice(None))), unit @ unit.T, atol=1e-7)


@pytest.mark.parametrize("block", [1, 7, 64])
def test_cosines_are_equal_to_the_last_bit_whatever_the_blocks_and_the_order(monkeypatch, block):
    rows = unit_rows(150, 77)
    vectors, order = UnitVectors(rows), np.random.default_rng(2).permutation(150)
    expected = vectors.cosines(vectors.rows(slice(0, 40)))
    centre = vectors.centre()
    monkeypatch.setattr(unit_vectors, "_ROWS", block)
    turned = UnitVectors(rows[order])
    others = np.stack([vectors.rows(slice(row, row + 1))[0] for row in range(40)])
    np.testing.assert_array_equal(turned.cosines(others), expected[order])
    np.testing.assert_array_equal(turned.nearest(others), expected[order].max(axis=1))
    np.testing.assert_array_equal(turned.closest(others), expected[order].argmax(axis=1))
    np.testing.assert_array_equal(turned.centre(), centre)


def test_sums_of_products_are_exact_in_any_order():
    """The reason for the grid: float64 loses nothing, so addition may take any order."""
    vectors = UnitVectors(unit_rows(20, 512))
    first, second = vectors.rows(slice(0, 10)), vectors.rows(slice(10, 20))
    whole = [
        sum(int(a * 2**26) * int(b * 2**26) for a, b in zip(x, y, strict=True))
        for x, y in zip(first, second, strict=True)
    ]
    assert [int(value * 2**52) for value in np.einsum("ij,ij->i", first, second)] == whole


def test_a_row_of_zeros_resembles_nothing():
    vectors = UnitVectors([[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_allclose(vectors.cosines(vectors.rows(slice(None))), [[0, 0], [0, 1]], atol=1e-7)


def test_without_others_nothing_is_near_and_without_rows_there_is_nothing():
    assert UnitVectors(unit_rows(2, 3)).nearest(np.zeros((0, 3))).tolist() == [-1, -1]
    empty = UnitVectors(np.zeros((0, 3)))
    assert empty.cosines(np.zeros((2, 3))).shape == (0, 2)
    assert empty.closest(np.ones((2, 3))).shape == (0,)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_rows_that_are_no_numbers_are_refused_by_name(wrong):
    rows = unit_rows(20, 6)
    rows[[3, 17], 2] = wrong
    with pytest.raises(LabelError, match="2 embeddings hold NaN or infinity: rows 3, 17"):
        UnitVectors(rows)
