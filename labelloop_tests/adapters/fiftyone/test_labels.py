import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.fiftyone.labels import PROVENANCE, detections_by_sample, relative_xywh
from labelloop_tests.core.builders import labels, predictions

SAMPLES = pd.DataFrame({"sample_id": ["s1", "s2", "s3"], "width": [640, 1, 4001], "height": [480, 1, 2999]})


@pytest.fixture(autouse=True)
def _own_database(loop):
    """FiftyOne is imported by what is tested here."""


def pixels(relative, size):
    """Back from FiftyOne's [x, y, width, height] to corners in pixels."""
    x, y, width, height = np.asarray(relative, dtype=float).T
    return np.stack([x, y, x + width, y + height], axis=1) * np.tile(size, 2)


def test_no_box_is_an_empty_array():
    assert relative_xywh(labels().assign(width=0, height=0)).shape == (0, 4)
    assert detections_by_sample(labels(), SAMPLES, []) == {}


@pytest.mark.parametrize("size", [(640, 480), (1, 1), (4001, 2999), (7, 100_000)])
def test_pixels_come_back_from_shares_within_a_billionth(size):
    random = np.random.default_rng(0)
    corners = np.sort(random.random((200, 2, 2)) * size, axis=1).reshape(-1, 4)
    frame = pd.DataFrame(corners, columns=["x1", "y1", "x2", "y2"]).assign(width=size[0], height=size[1])
    np.testing.assert_allclose(pixels(relative_xywh(frame), size), corners, rtol=0, atol=1e-9)


def test_whole_pixels_and_the_whole_image_are_exact():
    frame = pd.DataFrame([(0, 0, 640, 480, 640, 480)], columns=["x1", "y1", "x2", "y2", "width", "height"])
    assert relative_xywh(frame).tolist() == [[0.0, 0.0, 1.0, 1.0]]


def test_an_image_without_a_box_has_an_empty_list_and_not_none():
    found = detections_by_sample(labels(("s1", "cat", 64, 48, 128, 96)), SAMPLES, ["s2", "s1"])
    assert list(found) == ["s2", "s1"]
    assert found["s2"]["detections"] == []
    [box] = found["s1"]["detections"]
    assert (box["label"], box["bounding_box"], box.get("confidence")) == ("cat", [0.1, 0.1, 0.1, 0.1], None)


def test_boxes_of_other_images_are_left_out():
    found = detections_by_sample(labels(("s3", "cat", 1, 1, 2, 2)), SAMPLES, ["s1"])
    assert found["s1"]["detections"] == []


def test_boxes_keep_their_order_and_get_the_size_of_their_own_image():
    boxes = labels(("s1", "a", 0, 0, 320, 240), ("s3", "b", 0, 0, 4001, 2999), ("s1", "c", 320, 240, 640, 480))
    found = detections_by_sample(boxes, SAMPLES, ["s1", "s3"])
    assert [(box["label"], box["bounding_box"]) for box in found["s1"]["detections"]] == [
        ("a", [0, 0, 0.5, 0.5]), ("c", [0.5, 0.5, 0.5, 0.5]),
    ]  # fmt: skip
    assert found["s3"]["detections"][0]["bounding_box"] == [0, 0, 1, 1]


def test_a_box_keeps_where_it_came_from():
    boxes = labels(("s1", "cat", 1, 1, 9, 9), ("s1", "dog", 11, 11, 19, 19)).assign(
        task_id=3, job_id=pd.array([7, None], dtype="Int64"), frame=0, shape_id=[2**40, 5], source=["manual", "auto"]
    )
    found = detections_by_sample(boxes, SAMPLES, ["s1"])["s1"]["detections"]
    assert [{name: box[name] for name in PROVENANCE if name in box} for box in found] == [
        {"task_id": 3, "job_id": 7, "frame": 0, "shape_id": 2**40, "source": "manual"},
        {"task_id": 3, "frame": 0, "shape_id": 5, "source": "auto"},
    ]


def test_a_prediction_keeps_its_score():
    found = detections_by_sample(predictions(("s1", "cat", 1, 1, 9, 9, 0.875)), SAMPLES, ["s1"])
    assert found["s1"]["detections"][0]["confidence"] == 0.875


def test_what_is_stored_is_what_fiftyone_stores_of_its_own_objects(loop):
    fo = pytest.importorskip("fiftyone")
    loop.add_samples(SAMPLES, {name: f"/images/{name}.jpg" for name in SAMPLES["sample_id"]})
    boxes = predictions(("s1", "cat", 64, 48, 128, 96, 0.875)).assign(task_id=3, source="auto")
    loop.set_boxes("ours", boxes, SAMPLES, ["s1", "s2"])
    own = fo.Detection(label="cat", bounding_box=[0.1, 0.1, 0.1, 0.1], confidence=0.875, task_id=3, source="auto")
    made = {"s1": fo.Detections(detections=[own]), "s2": fo.Detections(detections=[])}
    loop.set_values("theirs", made)
    schema = loop.dataset.get_field_schema(flat=True)
    assert {name[5:]: str(kind) for name, kind in schema.items() if name.startswith("ours.")} == {
        name[7:]: str(kind) for name, kind in schema.items() if name.startswith("theirs.")
    }
    stored = [doc for doc in loop.dataset._sample_collection.find() if doc["sample_id"] in made]
    ids = [each.pop("_id") for doc in stored for name in ("ours", "theirs") for each in doc[name]["detections"]]
    assert len(set(ids)) == len(ids) == 2
    assert [doc["ours"] for doc in stored] == [doc["theirs"] for doc in stored]
