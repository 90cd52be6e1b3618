import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.fiftyone.source_labels import show_source_labels
from labelloop.core.masks import kept_mask
from labelloop.core.source_labels import NOWHERE, SourceLabel, label_table
from labelloop.core.vocabulary import LabelKind

SAMPLES = pd.DataFrame({"sample_id": ["s1", "s2", "s3"], "width": 100, "height": 50, "labelled": [True, True, False]})
RING = [[(10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0)]]


def drawn(kind, label="cat", **detail):
    return SourceLabel.drawn(LabelKind(kind), label, RING, **detail)


@pytest.fixture
def show(loop, tmp_path):
    loop.add_samples(SAMPLES, {name: str(tmp_path / f"{name}.png") for name in SAMPLES["sample_id"]})

    def shown(*rows):
        show_source_labels(loop, label_table([(sample_id, label, False) for sample_id, label in rows]), SAMPLES)
        loop.dataset.reload()
        return {sample["sample_id"]: sample for sample in loop.dataset}

    return shown


def test_every_kind_lands_in_the_field_of_its_label_type(show):
    mask = SourceLabel(LabelKind.MASK, "cat", (10, 10, 12, 12), {"mask": kept_mask(np.eye(2, dtype=bool), 10, 10)})
    sample = show(
        ("s1", SourceLabel.box("cat", (10, 10, 20, 20), attributes={"age": 3, "label": "x", "a.b": 1})),
        ("s1", SourceLabel.box("dog", (10, 10, 20, 20), rings=RING)),
        ("s1", SourceLabel.box("eel", (0, 0, 50, 50), points=[[10, 10, 2], [0, 0, 0]])),
        ("s1", mask), ("s1", drawn("polygon")), ("s1", drawn("polyline")), ("s1", drawn("points")),
        ("s1", SourceLabel(LabelKind.TAG, "night", NOWHERE)), ("s1", SourceLabel(LabelKind.OTHER, "cat", (1, 2, 3, 4))),
    )["s1"]  # fmt: skip
    boxes = sample["ground_truth"].detections
    assert [box.label for box in boxes] == ["cat", "dog", "eel", "cat"]
    assert boxes[0].bounding_box == [0.1, 0.2, 0.1, 0.2]
    assert (boxes[0]["age"], boxes[0].has_field("a.b"), boxes[0].mask) == (3, False, None)
    assert (boxes[1].mask.shape, boxes[1].mask.all()) == ((10, 10), True)
    assert boxes[3].mask.tolist() == [[True, False], [False, True]]
    polygon, line = sample["ground_truth_polylines"].polylines
    assert (polygon.closed, polygon.filled, line.closed, line.filled) == (True, True, False, False)
    assert polygon.points == [[[0.1, 0.2], [0.2, 0.2], [0.2, 0.4], [0.1, 0.4]]]
    seen, points = sample["ground_truth_keypoints"].keypoints
    assert (seen.points[0], len(points.points)) == ([0.1, 0.2], 4)
    assert np.isnan(seen.points[1]).all()
    assert [tag.label for tag in sample["ground_truth_tags"].classifications] == ["night"]


def test_labelled_and_empty_is_an_empty_list_and_unlabelled_is_none_and_no_field_is_made_for_nothing(show, loop):
    samples = show(("s1", SourceLabel.box("cat", (1, 2, 3, 4))), ("s3", SourceLabel(LabelKind.TAG, "night", NOWHERE)))
    assert samples["s2"]["ground_truth"].detections == []
    assert samples["s3"]["ground_truth"] is None
    assert loop.dataset.has_field("ground_truth_tags")
    assert not loop.dataset.has_field("ground_truth_polylines")
    assert not loop.dataset.has_field("ground_truth_keypoints")


def test_what_the_source_took_back_is_gone(show):
    show(("s1", drawn("polygon")), ("s3", drawn("polygon")))
    samples = show(("s1", drawn("polyline")))
    assert [line.closed for line in samples["s1"]["ground_truth_polylines"].polylines] == [False]
    assert samples["s3"]["ground_truth_polylines"] is None
