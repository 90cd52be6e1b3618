from dataclasses import replace

import pytest

from labelloop.core.summary import TURN_COLUMNS, Turn, footnote, overhead_share, turn_rows

TURNS = [Turn("v0", 142, 0.4381, 0.285, 60.0, 8.0), Turn("v1", 184, 0.585, 0.389, 80.0, 12.0)]


def test_overhead_is_what_is_neither_training_nor_inference():
    assert overhead_share(TURNS, 320.0) == pytest.approx(0.5)


@pytest.mark.parametrize(("wall", "share"), [(0.0, 0.0), (100.0, 0.0), (1600.0, 0.9)])
def test_overhead_is_a_share_whatever_was_measured(wall, share):
    assert overhead_share(TURNS, wall) == pytest.approx(share)


def test_without_an_iteration_all_is_overhead():
    assert overhead_share([], 10.0) == 1.0


def test_rows_are_what_people_read():
    assert turn_rows(TURNS) == [("v0", "142", "0.438", "0.285", "68"), ("v1", "184", "0.585", "0.389", "92")]
    assert all(len(row) == len(TURN_COLUMNS) for row in turn_rows(TURNS))


def test_figures_of_another_val_bear_a_star_that_is_explained():
    old = Turn("v0", 40, 0.5, 0.25, 1.0, 1.0, "x", "6 val images, 3 classes")
    new = [replace(old, iteration=f"v{n}", yardstick="y", measured="9 val images, 4 classes") for n in (1, 2)]
    assert [row[2] for row in turn_rows([old, *new])] == ["0.500*", "0.500", "0.500"]
    assert "6 val images, 3 classes; the last by 9 val images, 4 classes: they do not compare" in footnote([old, *new])
    assert footnote(new) == footnote([]) == ""
