import numpy as np
import pytest

from labelloop.core import duplicates, shadows
from labelloop.core.directions import Directions
from labelloop.core.duplicates import directions, near_duplicate_groups, near_duplicates, near_links
from labelloop.core.errors import LabelError
from labelloop.core.shadows import Space
from labelloop_tests.benchmarks.side_by_side import peak
from labelloop_tests.core.builders import POOLS, unit_rows


def planted(count=300, twins=60, dims=12, noise=0.05, seed=0):
    """Rows of which some are near-copies of others, in no order, and of any length."""
    rng = np.random.default_rng(seed)
    rows = unit_rows(count, dims)
    copies = rows[rng.integers(0, count, twins)] + noise * rng.normal(size=(twins, dims)).astype(np.float32)
    return (rng.permutation(np.vstack([rows, copies])) * rng.uniform(0.1, 9, (count + twins, 1))).astype(np.float32)


def plain(rows, threshold, centre=False):
    """All pairs from the whole matrix."""
    wide = rows.astype(np.float64) - (rows.astype(np.float64).mean(axis=0) if centre else 0)
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    first, second = np.nonzero(np.triu(unit @ unit.T >= threshold, k=1))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def found(pairs):
    return list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))


@pytest.mark.parametrize("block", [(1024, 8192), (64, 64), (7, 100), (100, 7), (3, 2)])
@pytest.mark.parametrize("centre", [False, True])
def test_all_pairs_are_found_in_order_whatever_the_blocks(monkeypatch, block, centre):
    monkeypatch.setattr(duplicates, "_ROWS", block[0])
    monkeypatch.setattr(duplicates, "_COLUMNS", block[1])
    rows = planted()
    expected = plain(rows, 0.9, centre)
    assert len(expected) > 40
    assert found(near_duplicates(rows, 0.9, centre=centre)) == expected


@pytest.mark.parametrize("pool", ["spread", "in few dimensions", "in groups"])
@pytest.mark.parametrize("threshold", [0.85, 0.95, 0.9999])
def test_shadows_change_no_pair_of_many_rows(monkeypatch, pool, threshold):
    rng = np.random.default_rng(3)
    rows = POOLS[pool](rng, 2500, 260) + 1e-4 * rng.standard_normal((2500, 260))
    rows[:50] = rows[50:100] + 1e-3 * rng.standard_normal((50, 260))
    by_shadows = near_duplicates(rows, threshold)
    monkeypatch.setattr(shadows, "space_of", lambda _: None)
    without = near_duplicates(rows, threshold)
    assert len(without.first) >= 50
    assert by_shadows.first.tolist() == without.first.tolist()
    assert by_shadows.second.tolist() == without.second.tolist()
    assert by_shadows.cosine.tolist() == without.cosine.tolist()


@pytest.mark.parametrize(("kind", "whole", "looks"), [("spread", 0, 15), ("alike", 15, 5)])
def test_rows_are_compared_whole_only_where_shadows_leave_too_much(monkeypatch, kind, whole, looks):
    rows = np.random.default_rng(3).standard_normal((9000, 260)) + (0 if kind == "spread" else 1000)
    blocks, looked, none = [], [], (np.zeros(0, dtype=np.intp),) * 2
    monkeypatch.setattr(duplicates, "block_links", lambda *block: blocks.append(block) or none)
    monkeypatch.setattr(Space, "slack", property(lambda _: looked.append(0) or 0.0))
    assert all(not len(first) for first, _ in near_links(Directions(rows), 0.95))
    assert (len(blocks), len(looked)) == (whole, looks)


def test_a_pair_has_its_cosine():
    pairs = near_duplicates(np.array([[3.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), 0.5)
    assert found(pairs) == [(0, 2), (1, 2)]
    np.testing.assert_allclose(pairs.cosine, np.sqrt(0.5))


def test_twins_reach_a_threshold_of_one_and_rows_of_zeros_resemble_nothing():
    rows = np.vstack([np.repeat(unit_rows(40, 33), 2, axis=0), np.zeros((2, 33), dtype=np.float32)])
    assert found(near_duplicates(rows, 1.0)) == [(row, row + 1) for row in range(0, 80, 2)]


def test_a_pair_just_below_the_threshold_is_not_taken_for_one():
    angle = np.arccos(0.95)
    for shift, expected in ((-1e-7, [(0, 1)]), (1e-7, [])):
        turned = angle + shift
        rows = np.array([[1.0, 0.0], [np.cos(turned), np.sin(turned)]])
        assert found(near_duplicates(rows, 0.95)) == expected


def test_centred_on_their_mean_other_rows_are_alike():
    rows = 5 + unit_rows(50, 8)
    assert len(near_duplicates(rows, 0.95).first) == 50 * 49 // 2
    assert len(near_duplicates(rows, 0.95, centre=True).first) == 0


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_has_no_twin(count):
    assert found(near_duplicates(np.ones((count, 4)), 0.9)) == []
    assert list(near_duplicate_groups(near_duplicates(np.ones((count, 4)), 0.9), ["a"][:count])) == ["a"][:count]


def test_groups_are_called_after_their_smallest_id_whatever_the_order():
    rows = planted()
    ids = [f"{number * 7919 % 360:03d}" for number in range(len(rows))]
    groups = near_duplicate_groups(near_duplicates(rows, 0.9), ids)
    order = np.random.default_rng(3).permutation(len(rows))
    turned = near_duplicate_groups(near_duplicates(rows[order], 0.9), [ids[row] for row in order])
    assert turned.tolist() == groups[order].tolist()
    for first, second in plain(rows, 0.9):
        assert groups[first] == groups[second] <= min(ids[first], ids[second])
    assert len(set(groups)) < len(rows) - 30


@pytest.mark.parametrize("dims", [24, 256])  # shadows are cast from 256 on
def test_memory_is_a_block_not_all_pairs(dims):
    rows = unit_rows(8000, dims)
    assert peak(lambda: [*near_links(Directions(rows), 0.95)]) < len(rows) ** 2 * 4 / 2**20 / 5
    assert peak(lambda: near_duplicates(rows, 0.95)) < len(rows) ** 2 * 4 / 2**20 / 5


def test_groups_come_from_links_alone_also_where_all_are_alike():
    rows, ids = np.ones((3000, 4)), [f"{row:04d}" for row in range(3000)]
    groups = near_duplicate_groups(near_links(directions(rows), 0.95), ids)
    assert set(groups) == {"0000"}


@pytest.mark.parametrize("centre", [False, True])
def test_rows_in_another_order_have_the_same_pairs(centre):
    rows = planted()
    order = np.random.default_rng(1).permutation(len(rows))
    pairs = near_duplicates(rows[order], 0.9, centre=centre)
    turned = sorted(tuple(sorted(pair)) for pair in zip(order[pairs.first], order[pairs.second], strict=True))
    assert turned == plain(rows, 0.9, centre)


def test_a_point_may_be_the_centre():
    rows = planted()
    mean = rows.mean(axis=0, dtype=np.float64)
    assert found(near_duplicates(rows, 0.9, centre=mean)) == plain(rows, 0.9, centre=True)


@pytest.mark.parametrize("threshold", [0, -0.5, 1.01, float("nan")])
def test_a_threshold_that_is_no_cosine_is_refused(threshold):
    with pytest.raises(LabelError, match="is not a cosine"):
        near_duplicates(unit_rows(3, 4), threshold)


def test_rows_that_are_no_numbers_are_refused_by_name():
    rows = unit_rows(20, 6)
    rows[[3, 17], 2] = np.nan
    with pytest.raises(LabelError, match="2 embeddings hold NaN or infinity: rows 3, 17"):
        near_duplicates(rows, 0.9)
