import math

import numpy as np
import pytest

from labelloop.core.shape_labels import shape_labels
from labelloop.core.vocabulary import Field
from labelloop_tests.core.builders import frame, shape, task

NAMES = {"one.jpg": "s1", "two.jpg": "s2", "three.jpg": "s3"}
ONE, TWO, THREE = NAMES
PART = {"occluded": False, "outside": False}


def labels(*frames, stored=()):
    return shape_labels([task(*frames)], NAMES, stored)


@pytest.mark.parametrize(("drawn", "field", "closed"), [
    (shape(1), Field.HUMAN_SHAPES, False),
    (shape(1, rotation=30.0), Field.HUMAN_POLYLINES, True),
    (shape(1, type="ellipse"), Field.HUMAN_POLYLINES, True),
    (shape(1, type="polygon", points=[1, 1, 9, 1, 9, 9]), Field.HUMAN_POLYLINES, True),
    (shape(1, type="polyline"), Field.HUMAN_POLYLINES, False),
    (shape(1, type="cuboid", points=list(range(16))), Field.HUMAN_POLYLINES, True),
    (shape(1, type="points"), Field.HUMAN_KEYPOINTS, False),
    (shape(1, type="mask", points=[0.0, 4.0, 0.0, 10.0, 10.0, 11.0, 11.0]), Field.HUMAN_SHAPES, False),
])  # fmt: skip
def test_each_type_has_a_field_that_fits(drawn, field, closed):
    [label] = labels(frame(4, ONE, drawn))
    assert (label.sample_id, label.shown_in, label.label, label.closed) == ("s1", field, "cat", closed)
    assert label.about["type"] == drawn["type"]


def test_a_label_knows_where_it_came_from_and_all_that_was_said():
    said = [{"spec_id": 3, "name": "größe", "value": ""}]
    drawn = shape(8, "dog", (64, 48, 128, 144), occluded=True, z_order=2, group=5, source="auto", attributes=said)
    [label] = labels(frame(4, ONE, drawn))
    assert label.box == (0.1, 0.1, 0.1, 0.2)
    assert label.said == {"größe": ""}
    assert label.key == (1, "rectangle", 8)
    assert label.about == {
        "type": "rectangle", "task_id": 1, "job_id": 7, "frame": 4, "shape_id": 8, "group": 5, "source": "auto",
        "occluded": True, "z_order": 2, "rotation": 0.0,
    }  # fmt: skip


def test_a_mask_is_its_pixels_on_the_pixels_it_covers():
    [label] = labels(frame(0, ONE, shape(1, type="mask", points=[1.0, 2.0, 1.0, 2.0, 64.0, 48.0, 66.0, 49.0])))
    assert label.mask.tolist() == [[False, True, True], [False, True, True]]
    assert label.box == (0.1, 0.1, 3 / 640, 2 / 480)


def test_a_skeleton_is_a_point_for_each_part_and_those_that_are_not_there_have_no_place():
    parts = [
        {**PART, "type": "points", "label": "head", "points": [64.0, 48.0]},
        {**PART, "type": "points", "label": "tail", "points": [128.0, 48.0], "occluded": True},
        {**PART, "type": "points", "label": "paw", "points": [9.0, 9.0], "outside": True},
    ]
    [label] = labels(frame(0, ONE, shape(1, type="skeleton", points=[], elements=parts)))
    assert label.shown_in == Field.HUMAN_KEYPOINTS
    assert label.rings[0][:2].tolist() == [[0.1, 0.1], [0.2, 0.1]]
    assert all(math.isnan(value) for value in label.rings[0][2])
    assert (label.about["parts"], label.about["visibility"]) == (["head", "tail", "paw"], [2, 1, 0])


def test_a_track_is_one_label_for_each_frame_that_was_not_deleted():
    keyframes = [
        {"id": 9, "frame": 0, "type": "rectangle", "points": [0, 0, 64, 48]},
        {"id": 10, "frame": 2, "type": "rectangle", "points": [128, 96, 192, 144]},
    ]
    track = {"id": 3, "label": "dog", "frame": 0, "shapes": keyframes}
    found = labels(frame(0, ONE, tracks=[track]), frame(1, TWO), frame(2, THREE, tracks=[track], deleted=True))
    assert [(each.sample_id, each.about["keyframe"], each.about["shape_id"]) for each in found] == [
        ("s1", True, 9), ("s2", False, None),
    ]  # fmt: skip
    assert {each.key for each in found} == {(1, "track", 3)}
    np.testing.assert_allclose(found[1].box, [0.1, 0.1, 0.1, 0.1])


def test_what_is_shown_elsewhere_is_left_out_and_a_tag_is_a_classification():
    drawn = frame(0, ONE, shape(1), shape(2), tags=[{"id": 1, "label": "night", "frame": 0}])
    found = labels(drawn, stored={(1, "rectangle", 1)})
    assert [(each.shown_in, each.about["shape_id"]) for each in found] == [
        (Field.HUMAN_CLASSIFICATIONS, 1), (Field.HUMAN_SHAPES, 2),
    ]  # fmt: skip


@pytest.mark.parametrize("drawn", [
    shape(1, outside=True),
    shape(1, type="hexagon"),
    shape(1, type="mask", points=[0.0, 5.0, 0.0, 10.0, 10.0, 11.0, 11.0]),
    shape(1, type="skeleton", points=[], elements=[]),
])  # fmt: skip
def test_what_cannot_be_seen_is_no_label(drawn):
    assert labels(frame(0, ONE, drawn)) == []
