import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from labelloop.core.errors import ConfigError
from labelloop.core.masks import mask_in_box
from labelloop_tests.adapters.sources.builders import labels, names, put, read, splits


def detections(*items):
    return {"_cls": "Detections", "detections": [{"_cls": "Detection", **item} for item in items]}


def sample(name="a.jpg", **fields):
    return {"filepath": f"data/{name}", "tags": [], "metadata": {"width": 64, "height": 48}, **fields}


def dataset(tmp_path, *samples, **metadata):
    put(tmp_path, {f"data/{entry['filepath'].split('/')[-1]}": "" for entry in samples})
    return put(tmp_path, {"samples.json": {"samples": list(samples)}, "metadata.json": metadata})


CAT = {"label": "cat", "bounding_box": [0.1, 0.2, 0.3, 0.4]}


def packed(mask):
    buffer = io.BytesIO()
    np.save(buffer, mask)
    return {"$binary": {"base64": base64.b64encode(zlib.compress(buffer.getvalue())).decode(), "subType": "00"}}


def test_each_kind_of_label_is_read_and_predictions_are_not(tmp_path):
    line = {"_cls": "Polyline", "label": "road", "points": [[[0.1, 0.1], [0.5, 0.2]]], "closed": False, "filled": False}
    dataset(
        tmp_path,
        sample(
            ground_truth=detections(CAT | {"iscrowd": 0, "_id": {"$oid": "1"}}),
            weather={"_cls": "Classification", "label": "sunny"},
            lines={"_cls": "Polylines", "polylines": [line, line | {"closed": True, "label": "lake"}]},
            points={"_cls": "Keypoints", "keypoints": [{"_cls": "Keypoint", "label": "nose", "points": [[0.5, 0.5]]}]},
            predictions_v0=detections(CAT),
            predictions_tags={"_cls": "Classification", "label": "guess"},
        ),
    )
    source = read(tmp_path, "fiftyone_dataset")
    assert sorted(labels(tmp_path, source), key=lambda row: row[1:3]) == [
        ("data/a.jpg", "box", "cat", 0.1, 0.2, 0.4, 0.6), ("data/a.jpg", "points", "nose", 0.5, 0.5, 0.5, 0.5),
        ("data/a.jpg", "polygon", "lake", 0.1, 0.1, 0.5, 0.2), ("data/a.jpg", "polyline", "road", 0.1, 0.1, 0.5, 0.2),
        pytest.approx(("data/a.jpg", "tag", "sunny", *[float("nan")] * 4), nan_ok=True),
    ]  # fmt: skip
    box = next(label for (found,) in [source.labels.values()] for label in found if label.kind == "box")
    assert box.detail == {"attributes": {"iscrowd": 0}}
    assert source.relative == set(source.images)


@pytest.mark.parametrize(("means", "empty"), [("auto", True), ("background", True), ("unlabelled", False)])
def test_an_empty_list_is_background_and_none_is_unlabelled(tmp_path, means, empty):
    dataset(
        tmp_path, sample(ground_truth=detections(CAT)), sample("empty.jpg", ground_truth=detections()),
        sample("none.jpg", ground_truth=None), sample("no.jpg", weather={"_cls": "Classification", "label": "sunny"}),
    )  # fmt: skip
    source = read(tmp_path, "fiftyone_dataset", empty_means=means)
    assert names(tmp_path, source.labelled) == ["data/a.jpg", *(["data/empty.jpg"] if empty else [])]


def test_tags_that_name_a_split_are_the_split(tmp_path):
    dataset(tmp_path, *[sample(f"{tag}.jpg") | {"tags": [tag]} for tag in ("validation", "good", "split:test")])
    assert splits(tmp_path, read(tmp_path, "fiftyone_dataset")) == {
        "data/validation.jpg": "validation", "data/split:test.jpg": "test",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"classes": {"ground_truth": ["b", "a"], "other": ["z"]}, "default_classes": ["z"]}, ("b", "a")),
        ({"classes": {}, "default_classes": ["b", "a"]}, ("b", "a")),
        ({}, ()),
    ],
)
def test_classes_are_those_of_the_field(tmp_path, metadata, expected):
    dataset(tmp_path, sample(ground_truth=detections(CAT)), **metadata)
    source = read(tmp_path, "fiftyone_dataset")
    assert source.classes == expected
    assert source.object_classes == (*expected, "cat")


def test_masks_in_the_file_and_beside_it(tmp_path):
    mask = np.array([[True, False], [True, True]])
    dataset(
        tmp_path, sample(ground_truth=detections(CAT | {"mask": packed(mask)}, CAT | {"mask_path": "fields/m.png"}))
    )
    (tmp_path / "fields").mkdir()
    Image.fromarray(mask.astype("uint8") * 255).save(tmp_path / "fields" / "m.png")
    source = read(tmp_path, "fiftyone_dataset")
    (found,) = source.labels.values()
    assert [mask_in_box(label.detail, (0, 0, 9, 9)).tolist() for label in found] == [mask.tolist()] * 2


def test_the_field_of_the_boxes_is_the_usual_one_or_the_only_one_or_to_be_named(tmp_path):
    other = detections({"label": "dog", "bounding_box": [0, 0, 1, 1]})
    dataset(tmp_path, sample(mine=detections(CAT)))
    assert labels(tmp_path, read(tmp_path, "fiftyone_dataset"))[0][2] == "cat"
    dataset(tmp_path, sample(mine=detections(CAT), theirs=other))
    with pytest.raises(ConfigError, match=r"Several fields hold boxes: mine, theirs\. Name one in source\.field"):
        read(tmp_path, "fiftyone_dataset")
    assert labels(tmp_path, read(tmp_path, "fiftyone_dataset", field="theirs"))[0][2] == "dog"
    with pytest.raises(ConfigError, match=r"no sample has boxes in 'ours'\. There are: mine, theirs"):
        read(tmp_path, "fiftyone_dataset", field="ours")
    dataset(tmp_path, sample(human_labels=detections(CAT), theirs=other))
    assert labels(tmp_path, read(tmp_path, "fiftyone_dataset"))[0][2] == "cat"


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"label": "cat"}, "bounding_box"),
        ({"label": "", "bounding_box": [0, 0, 1, 1]}, "without a name"),
        ({"label": "cat", "bounding_box": [0, 0, 1]}, "not enough values"),
        (CAT | {"mask_path": "../m.png"}, "not below the source"),
        (CAT | {"mask_path": "/etc/hostname"}, "not below the source"),
        (CAT | {"mask": {"$binary": {"base64": "AAAA"}}}, "while decompressing"),
        (CAT | {"mask": packed(np.array([[{}]], dtype=object))}, "Object arrays cannot be loaded"),
    ],
)
def test_a_damaged_label_is_named_and_costs_its_image_alone(tmp_path, item, said):
    dataset(tmp_path, sample(ground_truth=detections(item)), sample("b.jpg", ground_truth=detections(CAT)))
    source = read(tmp_path, "fiftyone_dataset")
    assert said in source.damaged["samples.json: data/a.jpg"]
    assert names(tmp_path, source.labelled) == ["data/b.jpg"]


@pytest.mark.parametrize("content", ["{", "[]", '{"samples": 5}', "[" * 100_000])
def test_a_file_that_is_not_of_fiftyone_is_an_error_that_says_so(tmp_path, content):
    put(tmp_path, {"data/a.jpg": "", "samples.json": content})
    with pytest.raises(ConfigError, match=r"samples\.json is not FiftyOne's"):
        read(tmp_path, "fiftyone_dataset")


def test_images_that_are_not_there_or_not_below_the_folder_are_missing(tmp_path):
    put(tmp_path, {"out.jpg": ""})
    root = dataset(tmp_path / "in", sample())
    put(root, {"samples.json": {"samples": [sample(), {"filepath": "../out.jpg"}, {"filepath": "/x/gone.jpg"}]}})
    assert read(root, "fiftyone_dataset").missing == ("../out.jpg", "/x/gone.jpg")
