import numpy as np
import pytest

from labelloop.core.neighbours import top_k
from labelloop_tests.core.builders import unit_rows


@pytest.mark.parametrize(
    ("queries", "count", "k", "shape"),
    [(0, 0, 3, (0, 0)), (0, 5, 3, (0, 3)), (4, 0, 3, (4, 0)), (4, 5, 3, (4, 3)), (4, 2, 3, (4, 2)), (4, 5, 0, (4, 0))],
)
def test_shapes(queries, count, k, shape):
    indices, cosine = top_k(unit_rows(queries, 6), unit_rows(count, 6), k)
    assert indices.shape == cosine.shape == shape


@pytest.mark.parametrize("chunk", [1, 7, 64, 4096])
def test_neighbours_equal_a_full_sort_whatever_the_chunk(chunk):
    queries, corpus = unit_rows(600, 12, seed=1) * 3, unit_rows(200, 12, seed=2) * 0.1
    indices, cosine = top_k(queries, corpus, 9, chunk)
    full = unit_rows(600, 12, seed=1).astype(float) @ unit_rows(200, 12, seed=2).astype(float).T
    expected = np.argsort(-full, axis=1, kind="stable")[:, :9]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(cosine, np.take_along_axis(full, expected, axis=1), atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 3, 4096])
def test_ties_go_to_the_lower_row(chunk):
    row = unit_rows(1, 300, seed=5)
    corpus = np.vstack([unit_rows(4, 300), np.repeat(row, 6, axis=0)])
    indices, cosine = top_k(row, corpus, 4, chunk)
    assert indices.tolist() == [[4, 5, 6, 7]]
    np.testing.assert_array_equal(cosine, 1.0)


def test_a_row_of_zeros_is_similar_to_nothing():
    indices, cosine = top_k([[1.0, 0.0]], [[0.0, 0.0], [-1.0, 0.0], [0.0, 0.0]], 3)
    assert indices.tolist() == [[0, 2, 1]]
    assert cosine.tolist() == [[0.0, 0.0, -1.0]]
