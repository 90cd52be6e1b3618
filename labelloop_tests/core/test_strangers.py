import numpy as np
import pytest

from labelloop.core import strangers as module
from labelloop.core.strangers import COLUMNS, strangers


def crowd(count=60, seed=0):
    """Two classes apart from each other, three boxes in each image."""
    rng = np.random.default_rng(seed)
    labels = ["cat" if row % 2 else "dog" for row in range(count)]
    centre = {"cat": np.eye(8)[0], "dog": np.eye(8)[1]}
    rows = np.array([centre[label] for label in labels]) + rng.normal(scale=0.1, size=(count, 8))
    return rows, labels, [f"s{row // 3}" for row in range(count)]


def found(rows, labels, images, **settings):
    return strangers(rows, labels, images, np.random.default_rng(0), **settings)


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_is_a_stranger_alone(count):
    told = found(np.ones((count, 3)), ["cat"] * count, ["s"] * count)
    assert list(told.columns) == COLUMNS
    assert not len(told)


def test_where_every_box_is_among_its_own_there_is_no_stranger():
    assert not len(found(*crowd()))


def test_a_box_with_the_class_of_others_is_a_stranger_and_told_with_where_it_lies():
    rows, labels, images = crowd()
    labels[7], labels[20] = "dog", "bird"
    told = found(rows, labels, images)
    assert told["row"].tolist() == [7, 20]
    assert told["among"].tolist() == ["cat", "dog"]
    assert told["share"].tolist() == [1.0, 1.0]


def test_boxes_of_the_same_image_do_not_vote():
    """A cat under ten birds of its own image, drawn at the same place, is among the cats of all other images."""
    rows, labels, images = crowd()
    copies = [rows[1]] * 10
    told = found(np.vstack([rows, copies]), [*labels, *["bird"] * 10], [*images, *[images[1]] * 10])
    assert told["row"].tolist()[:10] == list(range(60, 70))
    assert 1 not in told["row"].tolist()
    assert not len(found(rows, labels, ["s"] * len(rows)))


def test_the_more_votes_the_earlier_and_few_are_not_enough():
    rows, labels, images = crowd()
    labels[7] = "dog"
    for row in range(9, 19, 2):  # now some cats are called dogs, too
        labels[row] = "dog"
    told = found(rows, labels, images, share=0.2)
    assert told["share"].is_monotonic_decreasing
    assert len(told) > len(found(rows, labels, images, share=0.9))


def test_whom_to_compare_with_is_drawn_where_there_are_many(monkeypatch):
    rows, labels, images = crowd(300)
    labels[7] = "dog"
    monkeypatch.setattr(module, "MOST", 100)
    told = found(rows, labels, images)
    assert told["row"].tolist() == [7]
    assert told.equals(found(rows, labels, images))
