import numpy as np
import pytest

from labelloop.core import inverted_lists as module
from labelloop.core.directions import Directions
from labelloop.core.duplicates import directions, near_links
from labelloop.core.errors import LabelError
from labelloop.core.inverted_lists import InvertedLists, compared, inverted_lists
from labelloop_tests.core.builders import unit_rows


def planted(count=400, twins=80, dims=16, noise=0.02):
    rng = np.random.default_rng(0)
    rows = unit_rows(count, dims)
    copies = rows[rng.integers(0, count, twins)] + noise * rng.normal(size=(twins, dims)).astype(np.float32)
    return rng.permutation(np.vstack([rows, copies])).astype(np.float32)


def pairs(links):
    return {(int(a), int(b)) for first, second in links for a, b in zip(first, second, strict=True)}


def everything(rows):
    return np.arange(len(rows))


@pytest.mark.parametrize("block", [(1024, 4096), (3, 5)])
@pytest.mark.parametrize("probes", [1, 2, 20])
def test_the_pairs_that_share_a_list_are_found_and_no_other(monkeypatch, block, probes):
    monkeypatch.setattr(module, "_ROWS", block[0])
    monkeypatch.setattr(module, "_COLUMNS", block[1])
    rows = directions(planted())
    lists = InvertedLists(rows, inverted_lists(rows, unit_rows(20, 16, seed=9), 0.9, everything(rows)[:0]).near)
    lists = InvertedLists(rows, lists.near[:, :probes])
    true = np.array(sorted(pairs(near_links(rows, 0.9))))
    assert len(true) > 60
    assert pairs(lists.links(0.9)) == {tuple(pair) for pair in true[compared(*lists.near[true.T])].tolist()}


@pytest.mark.parametrize("order", [1, -1])
def test_a_pair_is_found_where_only_one_of_the_two_looks_into_the_list_of_the_other(order):
    lists = InvertedLists(directions(np.repeat(unit_rows(1, 16), 2, axis=0)), np.array([[0, 1], [1, 2]])[::order])
    assert pairs(lists.links(0.9)) == {(0, 1)}


def test_lists_that_find_most_pairs_of_the_sample_but_not_enough_are_not_taken():
    """Of eleven pairs one lies between two centres: 91 % are found in the nearest list, the other in the second."""
    axes = np.eye(12, dtype=np.float32)
    between = [axes[10] + 0.9 * axes[11], 0.9 * axes[10] + axes[11]]
    rows = directions(np.vstack([np.repeat(axes[:10], 2, axis=0), between]))
    lists = inverted_lists(rows, axes, 0.9, everything(rows))
    assert (lists.near.shape[1], lists.recall) == (2, 1.0)


def test_all_lists_find_all_pairs():
    rows = directions(planted())
    lists = InvertedLists(rows, np.argsort(unit_rows(len(rows), 20), axis=1))
    assert pairs(lists.links(0.9)) == pairs(near_links(rows, 0.9))


def test_as_many_lists_are_looked_into_as_the_sample_needs():
    rows = directions(planted())
    centres = unit_rows(20, 16, seed=9)
    lists = inverted_lists(rows, centres, 0.9, everything(rows))
    true = pairs(near_links(rows, 0.9))
    assert lists.recall >= 0.99
    assert lists.recall == pytest.approx(len(pairs(lists.links(0.9))) / len(true))
    fewer = InvertedLists(rows, lists.near[:, : lists.near.shape[1] // 2])
    assert len(pairs(fewer.links(0.9))) < 0.99 * len(true)


def test_lists_that_miss_pairs_of_the_sample_are_not_used(monkeypatch):
    monkeypatch.setattr(module, "_PROBES", (1,))
    rows = directions(planted(noise=0.08))
    assert inverted_lists(rows, unit_rows(60, 16, seed=9), 0.9, everything(rows)) is None


def test_a_sample_without_a_pair_says_nothing_and_all_probes_are_taken():
    rows = directions(unit_rows(200, 16))
    lists = inverted_lists(rows, unit_rows(30, 16, seed=9), 0.95, everything(rows)[:50])
    assert np.isnan(lists.recall)
    assert lists.near.shape == (200, 8)


def test_rows_in_another_order_give_the_same_pairs():
    rows, order = planted(), np.random.default_rng(3).permutation(480)
    centres = unit_rows(20, 16, seed=9)
    straight = InvertedLists(directions(rows), inverted_lists(directions(rows), centres, 0.9, np.arange(0)).near[:, :1])
    turned = directions(rows[order])
    found = pairs(InvertedLists(turned, inverted_lists(turned, centres, 0.9, np.arange(0)).near[:, :1]).links(0.9))
    assert {tuple(sorted((int(order[a]), int(order[b])))) for a, b in found} == pairs(straight.links(0.9))


def test_a_threshold_that_is_no_cosine_is_refused():
    with pytest.raises(LabelError, match="is not a cosine"):
        inverted_lists(Directions(unit_rows(3, 4)), unit_rows(2, 4), 0.0, np.arange(3))
