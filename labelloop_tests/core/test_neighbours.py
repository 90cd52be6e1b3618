import numpy as np
import pytest

from labelloop.core import neighbours, shadows
from labelloop.core.errors import LabelError
from labelloop.core.neighbours import top_k
from labelloop.core.shadows import Space
from labelloop.core.unit_vectors import on_grid
from labelloop_tests.benchmarks.side_by_side import peak
from labelloop_tests.core.builders import POOLS, unit_rows


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
    assert len(set(cosine.ravel())) == 1
    np.testing.assert_allclose(cosine, 1.0, atol=1e-6)


@pytest.mark.parametrize("kind", ["clustered", "twins", "one row", "few values"])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_neighbours_equal_a_full_sort_of_the_same_cosines_in_every_case(monkeypatch, kind, k):
    """Also where float32 cannot tell which of many is nearer, and whatever the blocks are."""
    queries, corpus = cases(kind)
    cosine = on_grid(queries.astype(float)) @ on_grid(corpus.astype(float)).T
    expected = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    for block, chunk in ((1024, 4096), (7, 13), (50, 1000), (300, 60)):
        monkeypatch.setattr(neighbours, "_QUERIES", block)
        indices, found = top_k(queries, corpus, k, chunk)
        np.testing.assert_array_equal(indices, expected)
        np.testing.assert_array_equal(found, np.clip(np.take_along_axis(cosine, expected, axis=1), -1, 1))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("k", [1, 12])
@pytest.mark.parametrize("chunk", [200, 1024])
def test_shadows_change_no_neighbour_of_many_rows(monkeypatch, pool, k, chunk):
    rows = POOLS[pool](np.random.default_rng(3), 3000, 260)
    queries = rows[::10] + 0.01 * np.random.default_rng(4).standard_normal((300, 260))
    indices, cosine = top_k(queries, rows, k, chunk)
    monkeypatch.setattr(shadows, "space_of", lambda _: None)
    same, without = top_k(queries, rows, k, chunk)
    np.testing.assert_array_equal(indices, same)
    np.testing.assert_array_equal(cosine, without)


@pytest.mark.parametrize(("pool", "whole", "looks"), [("spread", 16, 5), ("in few dimensions", 1, 15)])
def test_rows_are_compared_whole_only_where_shadows_leave_too_much(monkeypatch, pool, whole, looks):
    """The glance that comes first is whole as well."""
    rows = POOLS[pool](np.random.default_rng(3), 3000, 260)
    compared, looked = [], []
    complete = neighbours._Look.all_with
    monkeypatch.setattr(neighbours._Look, "all_with", lambda *some: compared.append(some) or complete(*some))
    monkeypatch.setattr(Space, "slack", property(lambda _: looked.append(0) or 0.0))
    top_k(rows[::10], rows, 1, chunk=200)
    assert (len(compared), len(looked)) == (whole, looks)


@pytest.mark.parametrize(("pool", "cast"), [("spread", 5 * 200 + 100), ("in few dimensions", 3000 + 300)])
def test_shadows_are_cast_when_they_are_first_looked_at(monkeypatch, pool, cast):
    """Nobody looks at those of two thirds of the queries, nor of the corpus, where the first told too little."""
    rows, counted = POOLS[pool](np.random.default_rng(3), 3000, 260), []
    shadows_of = Space.shadows
    monkeypatch.setattr(Space, "shadows", lambda *some: counted.append(some[2]) or shadows_of(*some))
    monkeypatch.setattr(neighbours, "_QUERIES", 100)
    top_k(rows[::10], rows, 1, chunk=200)
    assert sum(which.stop - which.start for which in counted) == cast


def test_few_queries_are_compared_whole_as_shadows_of_the_corpus_cost_more(monkeypatch):
    rows, looked = POOLS["in few dimensions"](np.random.default_rng(3), 3000, 260), []
    monkeypatch.setattr(shadows, "space_of", looked.append)
    top_k(rows[:255], rows, 3)
    assert looked == []
    top_k(rows[:256], rows, 3)
    assert len(looked) == 1


def cases(kind):
    """Queries and corpus, (40, 24) and (900, 24), float32."""
    rng = np.random.default_rng(7)
    queries, corpus = unit_rows(40, 24, seed=3), unit_rows(900, 24, seed=4)
    if kind == "clustered":
        corpus = (corpus[:30, None] + 1e-4 * rng.standard_normal((30, 30, 24))).reshape(900, 24)
        queries = corpus[::22][:40] + 1e-4 * rng.standard_normal((40, 24))
    if kind == "twins":
        corpus = corpus[rng.integers(0, 90, 900)]
    if kind == "one row":
        corpus = np.repeat(corpus[:1], 900, axis=0)
    if kind == "few values":
        corpus, queries = np.sign(corpus.round()), np.sign(queries.round())
    return queries.astype(np.float32), corpus.astype(np.float32)


def test_rows_in_another_order_have_the_same_neighbours():
    queries, corpus = cases("clustered")
    order = np.random.default_rng(1).permutation(len(corpus))
    indices, cosine = top_k(queries, corpus, 12)
    turned, same = top_k(queries, corpus[order], 12)
    np.testing.assert_array_equal(order[turned], indices)
    np.testing.assert_array_equal(same, cosine)


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int64])
def test_numbers_of_any_kind_and_size_are_compared(kind):
    corpus = np.array([[1, 2], [-3, 1], [2, 4], [0, 1]], dtype=kind)
    assert top_k(corpus, corpus, 2)[0].tolist() == [[0, 2], [1, 3], [0, 2], [3, 0]]
    tiny = np.array([[1e-38, 0], [3e37, 1e37]], dtype=np.float32)
    assert top_k([[1.0, 0.0]], tiny, 2)[0].tolist() == [[0, 1]]


def test_rows_that_are_no_numbers_are_refused_by_name():
    corpus = unit_rows(20, 6)
    corpus[[3, 17], 2] = np.inf
    with pytest.raises(LabelError, match="2 embeddings hold NaN or infinity: rows 3, 17"):
        top_k(unit_rows(2, 6), corpus, 3)


@pytest.mark.parametrize("dims", [24, 256])  # shadows are cast from 256 on
def test_memory_is_a_block_not_all_pairs(dims):
    rows = unit_rows(8000, dims)
    assert peak(lambda: top_k(rows, rows, 5)) < len(rows) ** 2 * 4 / 2**20 / 4


def test_a_row_of_zeros_is_similar_to_nothing():
    indices, cosine = top_k([[1.0, 0.0]], [[0.0, 0.0], [-1.0, 0.0], [0.0, 0.0]], 3)
    assert indices.tolist() == [[0, 2, 1]]
    assert cosine.tolist() == [[0.0, 0.0, -1.0]]
