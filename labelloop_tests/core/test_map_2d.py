"""The 2-D map; what makes it worth looking at is that neighbours stay neighbours."""

import os
import subprocess
import sys

import numpy as np
import pytest

from labelloop.core import map_2d as module
from labelloop.core.map_2d import map_2d
from labelloop_tests.core.builders import unit_rows


@pytest.mark.parametrize(
    ("rows", "fitted"),
    [(np.zeros((0, 5)), []), (np.ones((1, 5)), [True]), (np.ones((3, 5)), [False] * 3), (np.ones((3, 5)), [True] * 3)],
)
def test_a_map_of_nearly_nothing_is_zeros(rows, fitted):
    points = map_2d(rows, fitted, 0)
    np.testing.assert_array_equal(points, np.zeros((len(rows), 2), dtype=np.float32))


def test_a_map_of_one_dimension_is_a_line():
    points = map_2d(np.arange(5.0)[:, None], [True] * 5, 0)
    assert (np.diff(points[:, 0]) > 0).all()
    assert not points[:, 1].any()


def crowds(each=16, dims=20, seed=0):
    """Six crowds, more than two directions can show; returns rows and the crowd of each."""
    rng = np.random.default_rng(seed)
    crowd = np.repeat(np.arange(6), each)
    rows = 3 * np.eye(6, dims)[crowd] + rng.normal(scale=0.3, size=(len(crowd), dims))
    order = rng.permutation(len(crowd))
    return rows[order].astype(np.float32), crowd[order]


def among_own(points, crowd, asked):
    """Share of asked points whose nearest other point is of their own crowd."""
    distance = np.linalg.norm(points[asked, None] - points[None], axis=2)
    distance[np.arange(len(asked)), asked] = np.inf
    return float((crowd[distance.argmin(axis=1)] == crowd[asked]).mean())


def test_neighbours_stay_neighbours_whether_they_were_fitted_or_only_placed():
    rows, crowd = crowds()
    fitted = np.arange(len(rows)) % 4 != 0
    points = map_2d(rows, fitted, 0)
    assert among_own(points, crowd, np.flatnonzero(fitted)) > 0.97
    assert among_own(points, crowd, np.flatnonzero(~fitted)) > 0.97


def test_held_out_rows_are_placed_and_never_fitted_on():
    """Defect (m) of the published guides: the map sees the test set."""
    rows = unit_rows(60, 12)
    fitted = np.arange(60) < 40
    changed = rows.copy()
    changed[~fitted] *= 1000.0
    one, two = map_2d(rows, fitted, 0), map_2d(changed, fitted, 0)
    np.testing.assert_array_equal(one[fitted], two[fitted])
    assert one[~fitted].any(axis=1).all()


def test_where_there_are_many_some_are_laid_out_and_the_rest_is_put_between_them(monkeypatch):
    rows, crowd = crowds()
    monkeypatch.setattr(module, "ANCHORS", 60)
    points = map_2d(rows, np.ones(len(rows)), 0)
    assert among_own(points, crowd, np.arange(len(rows))) > 0.9
    np.testing.assert_array_equal(points, map_2d(rows, np.ones(len(rows)), 0))


def test_a_copy_lies_on_its_original():
    rows, _ = crowds()
    points = map_2d(np.concatenate([rows, rows[:3]]), np.arange(len(rows) + 3) < len(rows), 0)
    np.testing.assert_allclose(points[len(rows) :], points[:3], atol=1e-3)


# Tells how many threads each library has at each step of a process that has drawn no map before.
WATCHED = """
from threadpoolctl import threadpool_info
from labelloop.core import map_2d as module
from labelloop_tests.core.test_map_2d import crowds
def watched(right):
    return lambda *given: print(*(each["num_threads"] for each in threadpool_info())) or right(*given)
for step in ("_principal", "_layout", "_between"):
    setattr(module, step, watched(getattr(module, step)))
rows, _ = crowds()
module.map_2d(rows, [row < 20 for row in range(len(rows))], 5)
"""


def test_each_step_has_one_thread_whatever_there_are():
    """Sums of several threads come out in another order each time; in one they are the same to the last bit."""
    many = {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], env=os.environ | many, capture_output=True, text=True, check=True
    )
    steps = done.stdout.splitlines()
    assert len(steps) == 3
    assert set(" ".join(steps).split()) == {"1"}


def test_another_seed_may_choose_other_anchors():
    assert not np.array_equal(module._anchors(np.arange(5000), 0), module._anchors(np.arange(5000), 1))
    assert len(set(module._anchors(np.arange(5000), 0).tolist())) == module.ANCHORS


@pytest.mark.parametrize("count", [20, 60])
def test_the_strongest_direction_points_right(count):
    falling = -np.arange(float(count))
    noise = np.random.default_rng(1).normal(scale=1.0, size=(count, 3))
    points = map_2d(np.column_stack([falling, noise + falling[:, None]]), [True] * count, 0)
    assert np.corrcoef(points[:, 0], falling)[0, 1] > 0.9


@pytest.mark.parametrize("fitted", [2, 9, 10, 11])
def test_few_rows_are_mapped_too(fitted):
    points = map_2d(unit_rows(12, 500), np.arange(12) < fitted, 0)
    assert points.shape == (12, 2)
    assert points.dtype == np.float32
    assert np.isfinite(points).all()
    assert len(np.unique(points[:fitted], axis=0)) == fitted
