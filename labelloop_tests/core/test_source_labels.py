import json
import math

import pandas as pd
import pytest

from labelloop.core.source_labels import (
    LABEL_COLUMNS,
    PathLabels,
    SourceLabel,
    boxes_alone,
    label_table,
    labels_by_sample,
    scaled,
    training_boxes,
    unfit_boxes,
    without_their_boxes,
)
from labelloop.core.vocabulary import LabelKind

BOX = SourceLabel.box("cat", (1, 2, 3, 4))
TAG = SourceLabel(LabelKind.TAG, "night")
RING = SourceLabel.drawn(LabelKind.POLYGON, "dog", [[(0.1, 0.2), (0.5, 0.2), (0.5, 0.6)]])


def files(*rows):
    table = pd.DataFrame(rows, columns=["path", "sample_id"])
    return table.assign(width=64, height=48)


def given(labels, labelled=None, **more):
    return PathLabels(labels, frozenset(labels if labelled is None else labelled), **more)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SourceLabel.box(" ", (1, 2, 3, 4)),
        lambda: SourceLabel.box("cat", (1, 2, 3, math.nan)),
        lambda: SourceLabel(LabelKind.MASK, "cat"),
        lambda: SourceLabel.drawn(LabelKind.POLYLINE, "cat", []),
        lambda: SourceLabel.drawn(LabelKind.POLYLINE, "cat", [[(1, 2), (math.inf, 3)]]),
    ],
)
def test_a_label_without_a_name_or_a_place_is_refused(make):
    with pytest.raises(ValueError, match=r"without a name|not made of numbers"):
        make()


def test_shares_become_pixels_in_the_corners_and_in_every_point():
    label = scaled(RING, 100, 10)
    assert label.corners == pytest.approx((10, 2, 50, 6))
    assert label.detail["rings"] == [[[10, 2], [50, 2], [50, 6]]]
    keypoints = SourceLabel.box("cat", (0, 0, 1, 1), points=[[0.5, 0.5, 2]], mask={"runs": [1]})
    assert scaled(keypoints, 100, 10).detail == {"points": [[50, 5, 2]], "mask": {"runs": [1]}}


def test_everything_is_kept_and_boxes_alone_train():
    table = label_table([("s1", BOX, False), ("s1", TAG, False), ("s2", RING, False)])
    assert list(table.columns) == LABEL_COLUMNS
    assert table["kind"].tolist() == ["box", "tag", "polygon"]
    assert json.loads(table["detail"][2])["rings"] == [[[0.1, 0.2], [0.5, 0.2], [0.5, 0.6]]]
    assert training_boxes(table).to_numpy().tolist() == [["s1", "cat", 1, 2, 3, 4]]
    assert without_their_boxes(table) == {"s2"}


@pytest.mark.parametrize(
    ("kind", "trains"),
    [("box", True), ("polygon", True), ("mask", True), ("polyline", False), ("points", False), ("other", False)],
)
def test_an_outline_trains_through_its_box_only_where_that_is_asked_for(kind, trains):
    label = SourceLabel(LabelKind(kind), "cat", (1, 2, 3, 4))
    asked = label_table([("s1", label, True)])
    assert len(training_boxes(asked)) == trains
    assert without_their_boxes(asked) == (set() if trains else {"s1"})


def test_an_empty_table_has_its_columns_and_types():
    table = label_table([])
    assert list(table.columns) == LABEL_COLUMNS
    assert training_boxes(table).empty
    assert without_their_boxes(table) == set()


def test_boxes_of_an_older_home_are_a_table_like_any_other():
    boxes = pd.DataFrame([("s1", "cat", 1.0, 2.0, 3.0, 4.0)], columns=["sample_id", "label", "x1", "y1", "x2", "y2"])
    pd.testing.assert_frame_equal(boxes_alone(boxes), label_table([("s1", BOX, False)]))


@pytest.mark.parametrize("order", [1, -1])
def test_of_an_image_at_several_paths_the_first_labelled_one_counts_and_all_may_tag(order):
    found = files(*[("a", "s1"), ("b", "s1"), ("c", "s1"), ("z", None)][::order])
    other = SourceLabel.box("dog", (5, 6, 7, 8))
    table, labelled, refused = labels_by_sample(
        found, given({"a": [TAG], "b": [BOX], "c": [other, TAG], "z": [other]}, ["b", "c", "z"])
    )
    assert list(zip(table["kind"], table["label"], strict=True)) == [("tag", "night"), ("box", "cat")]
    assert (labelled, refused) == ({"b"}, {})


def test_an_image_that_is_labelled_and_empty_is_labelled():
    table, labelled, _ = labels_by_sample(files(("a", "s1")), given({}, ["a"]))
    assert table.empty
    assert labelled == {"a"}


@pytest.mark.parametrize(
    ("size", "relative", "fits"),
    [((64, 48), False, True), ((48, 64), False, False), ((128, 96), False, False), ((128, 96), True, True),
     ((48, 64), True, False), (None, False, True)],
)  # fmt: skip
def test_labels_made_on_an_image_of_another_size_do_not_count_and_the_reason_is_told(size, relative, fits):
    table, labelled, refused = labels_by_sample(
        files(("a", "s1")),
        given(
            {"a": [BOX, TAG]}, sizes={"a": size} if size else {}, relative=frozenset("a") if relative else frozenset()
        ),
    )
    assert labelled == ({"a"} if fits else set())
    assert set(table["kind"]) == ({"box", "tag"} if fits else {"tag"})
    assert refused == ({} if fits else {"a": f"labelled at {size[0]}×{size[1]} pixels, the image has 64×48"})


def test_boxes_that_training_never_sees_are_named_with_their_image_and_the_reason():
    twice, flat = SourceLabel.box("cat", (1, 2, 31, 42)), SourceLabel.box("dog", (5, 5, 5, 9))
    table = label_table([("s2", flat, True), ("s1", twice, True), ("s1", twice, True), ("s1", TAG, False)])
    samples = pd.DataFrame(
        {"sample_id": ["s1", "s2"], "path": ["a.jpg", "b.jpg"], "width": [64, 64], "height": [48, 48]}
    )
    found = unfit_boxes(table, samples)
    assert found[["path", "label", "reason"]].to_numpy().tolist() == [
        ["a.jpg", "cat", "same box drawn twice"],
        ["b.jpg", "dog", "box without area"],
    ]
