import math

import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.fiftyone.shapes import name_of, read_shapes, show_shapes
from labelloop.core.shape_labels import ShapeLabel
from labelloop.core.vocabulary import SHAPE_FIELDS, Field

RING = np.array([[0.1, 0.2], [0.3, 0.2], [0.3, 0.4]])
ABOUT = {"type": "polygon", "task_id": 1, "frame": 0, "shape_id": 7, "occluded": True, "z_order": 2, "rotation": 0.0}
MASK = np.array([[True, False], [False, True]])


@pytest.fixture
def two(loop):
    samples = pd.DataFrame({"sample_id": ["s1", "s2"], "width": [640, 640], "height": [480, 480]})
    loop.add_samples(samples, {"s1": "/nowhere/1.jpg", "s2": "/nowhere/2.jpg"})
    return loop


def of_every_kind():
    return [
        ShapeLabel("s1", Field.HUMAN_POLYLINES, "cat", rings=(RING, RING), closed=True, about=ABOUT,
                   said={"hue": "", "hair colour": "größer"}),
        ShapeLabel("s1", Field.HUMAN_POLYLINES, "dog", rings=(RING[:2],), about={**ABOUT, "type": "polyline"}),
        ShapeLabel(
            "s2", Field.HUMAN_KEYPOINTS, "cat", rings=(np.array([[0.5, 0.5], [math.nan, math.nan]]),),
            about={**ABOUT, "type": "skeleton", "parts": ["head", "tail"], "visibility": [2, 0]},
        ),
        ShapeLabel("s1", Field.HUMAN_SHAPES, "cat", box=(0.1, 0.2, 0.3, 0.4), mask=MASK, about={**ABOUT, "group": 3}),
        ShapeLabel("s1", Field.HUMAN_SHAPES, "cat", box=(-0.1, 0.2, 1.3, 0.4),
                   about={**ABOUT, "track_id": 12, "keyframe": False, "shape_id": None}),
        ShapeLabel("s1", Field.HUMAN_CLASSIFICATIONS, "night", about={"type": "tag", "task_id": 1, "shape_id": 3}),
    ]  # fmt: skip


def plain(labels):
    def told(label):
        about = {name: value for name, value in label.about.items() if value is not None}
        rings = [np.nan_to_num(ring, nan=-1.0).tolist() for ring in label.rings]
        mask = None if label.mask is None else label.mask.tolist()
        return (str(label.shown_in), label.sample_id, label.label, rings, label.closed, list(label.box), mask, about,
                dict(label.said))  # fmt: skip

    return sorted(map(told, labels), key=repr)


def test_labels_of_every_kind_are_read_as_they_were_shown(two):
    show_shapes(two, of_every_kind(), ["s1", "s2"])
    assert plain(read_shapes(two, ["s1", "s2"], ["hair colour"])) == plain(of_every_kind())


def test_labels_of_a_track_have_its_number_as_index(two):
    show_shapes(two, of_every_kind(), ["s1", "s2"])
    assert two.dataset.count_values(f"{Field.HUMAN_SHAPES}.detections.index") == {12: 1, None: 1}
    assert two.dataset.count_values(f"{Field.HUMAN_POLYLINES}.polylines.hair_colour") == {"größer": 1, None: 1}


def test_shown_again_only_what_is_given_stays_and_a_field_that_nothing_needs_is_not_made(two):
    show_shapes(two, of_every_kind()[:2], ["s1", "s2"])
    assert [two.dataset.has_field(field) for field in SHAPE_FIELDS] == [False, True, False, False]
    show_shapes(two, [], ["s2"])
    assert len(read_shapes(two, ["s1"])) == 2
    show_shapes(two, [], ["s1"])
    assert read_shapes(two, ["s1", "s2"]) == []


@pytest.mark.parametrize(("attribute", "name"), [
    ("hue", "hue"), ("hair colour", "hair_colour"), ("größe", "größe"), ("label", "attribute_label"),
    ("2nd", "attribute_2nd"), ("source", "attribute_source"), ("_x", "x"), ("?!", "attribute_"), ("a.b$c", "a_b_c"),
])  # fmt: skip
def test_an_attribute_gets_a_name_that_fiftyone_takes(attribute, name):
    assert name_of(attribute) == name
