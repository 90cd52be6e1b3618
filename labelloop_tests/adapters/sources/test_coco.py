import json

import pytest

from labelloop.core.errors import ConfigError
from labelloop.core.masks import mask_in_box
from labelloop_tests.adapters.sources.builders import labels, names, put, read, splits

CATEGORIES = [{"id": 12, "name": "ant"}, {"id": 7, "name": "zebra"}]


def coco(images, annotations=(), categories=CATEGORIES):
    """A COCO file: images by name, annotations as (image number, category, bbox, more)."""
    return {
        "images": [{"id": number, "file_name": name, "width": 64, "height": 48} for number, name in enumerate(images)],
        "categories": categories,
        "annotations": [
            {"id": number, "image_id": image, "category_id": category, "bbox": bbox, **dict(*more)}
            for number, (image, category, bbox, *more) in enumerate(annotations)
        ],
    }


def compressed(counts):
    """COCO's `rleToString`, as maskApi.c has it."""
    text = ""
    for place, count in enumerate(counts):
        value, more = count - (counts[place - 2] if place > 2 else 0), True
        while more:
            bits = value & 31
            value >>= 5
            more = value != -1 if bits & 16 else value != 0
            text += chr((bits | 32 if more else bits) + 48)
    return text


RUNS = [2 * 48 + 2, 4, 44, 4, 44, 4, 44, 4, 48 * 64 - 2 * 48 - 2 - 3 * 48 - 4]
BOX = (0, 7, [1, 2, 10, 20])


def test_boxes_are_corners_in_pixels_and_classes_follow_the_ids_of_the_categories(tmp_path):
    put(tmp_path, {"images/a.jpg": "", "labels.json": coco(["a.jpg"], [BOX, (0, 12, [0.5, 0, 1, 1])])})
    source = read(tmp_path, "coco")
    assert labels(tmp_path, source) == [
        ("images/a.jpg", "box", "zebra", 1, 2, 11, 22), ("images/a.jpg", "box", "ant", 0.5, 0, 1.5, 1),
    ]  # fmt: skip
    assert source.classes == ("zebra", "ant")
    assert source.sizes == {tmp_path / "images/a.jpg": (64.0, 48.0)}


@pytest.mark.parametrize(
    ("means", "labelled"),
    [("auto", ["a.jpg"]), ("unlabelled", ["a.jpg"]), ("background", ["a.jpg", "listed.jpg"])],
)
def test_an_image_listed_without_an_annotation_is_what_the_settings_say_and_one_not_listed_is_unlabelled(
    tmp_path, means, labelled
):
    put(tmp_path, {"a.jpg": "", "listed.jpg": "", "other.jpg": "", "labels.json": coco(["a.jpg", "listed.jpg"], [BOX])})
    source = read(tmp_path, "coco", empty_means=means)
    assert names(tmp_path, source.labelled) == labelled
    assert names(tmp_path, source.images) == ["a.jpg", "listed.jpg", "other.jpg"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["annotations/instances_train2017.json", "annotations/instances_val2017.json"],
         {"train2017/a.jpg": "train", "val2017/a.jpg": "val"}),
        (["train2017/_annotations.coco.json", "val2017/_annotations.coco.json"],
         {"train2017/a.jpg": "train", "val2017/a.jpg": "val"}),
        (["annotations/instances_train2017.json", "annotations/instances_val2017_fold7.json"],
         {"train2017/a.jpg": "train", "val2017/a.jpg": "val"}),
    ],
)  # fmt: skip
def test_each_file_is_a_split_and_finds_the_images_of_its_own_folder(tmp_path, files, expected):
    put(tmp_path, {"train2017/a.jpg": "", "val2017/a.jpg": ""})
    first, second = files
    put(tmp_path, {first: coco(["train2017/a.jpg" if "/" not in first else "a.jpg"], [BOX])})
    put(tmp_path, {second: coco(["val2017/a.jpg" if "fold7" in second else "a.jpg"], [(0, 12, [0, 0, 5, 5])])})
    source = read(tmp_path, "coco")
    assert splits(tmp_path, source) == expected
    assert [row[0::2] for row in labels(tmp_path, source)] == [
        ("train2017/a.jpg", "zebra", 2, 22), ("val2017/a.jpg", "ant", 0, 5),
    ]  # fmt: skip


def test_one_file_of_an_unknown_name_is_no_split_but_beside_known_ones_it_keeps_its_name(tmp_path):
    put(tmp_path, {"a.jpg": "", "b.jpg": "", "instances_fold7.json": coco(["a.jpg"], [BOX])})
    assert splits(tmp_path, read(tmp_path, "coco")) == {}
    put(tmp_path, {"instances_val.json": coco(["b.jpg"], [BOX])})
    assert splits(tmp_path, read(tmp_path, "coco")) == {"a.jpg": "fold7", "b.jpg": "val"}


def test_instances_are_read_and_not_the_captions_and_keypoints_beside_them(tmp_path):
    put(tmp_path, {"a.jpg": "", "annotations/instances_val.json": coco(["a.jpg"], [BOX])})
    put(tmp_path, {"annotations/person_keypoints_val.json": coco(["a.jpg"], [(0, 12, [0, 0, 1, 1])])})
    assert [row[2] for row in labels(tmp_path, read(tmp_path, "coco"))] == ["zebra"]


def test_a_category_that_only_groups_others_is_no_class(tmp_path):
    roboflow = [{"id": 0, "name": "cells", "supercategory": "none"}, {"id": 1, "name": "rbc", "supercategory": "cells"}]
    put(tmp_path, {"a.jpg": "", "l.json": coco(["a.jpg"], [(0, 1, [0, 0, 1, 1])], roboflow)})
    assert read(tmp_path, "coco").classes == ("rbc",)
    put(tmp_path, {"l.json": coco(["a.jpg"], [(0, 0, [0, 0, 1, 1])], roboflow)})
    assert read(tmp_path, "coco").classes == ("cells", "rbc")


@pytest.mark.parametrize(
    ("segmentation", "filled"),
    [
        ([[2, 2, 6, 2, 6, 6, 2, 6]], 16),
        ({"size": [48, 64], "counts": RUNS}, 16),
        ({"size": [48, 64], "counts": compressed(RUNS)}, 16),
    ],
)
def test_polygons_and_both_forms_of_run_lengths_are_the_mask_of_the_box(tmp_path, segmentation, filled):
    put(tmp_path, {"a.jpg": "", "l.json": coco(["a.jpg"], [(0, 7, [2, 2, 4, 4], {"segmentation": segmentation})])})
    source = read(tmp_path, "coco")
    assert source.damaged == {}
    ((label,),) = source.labels.values()
    mask = mask_in_box(label.detail, label.corners)
    assert mask.shape == (4, 4)
    assert mask.sum() == filled
    assert label.kind == "box"


def test_keypoints_attributes_and_what_is_unknown_are_kept_with_the_box(tmp_path):
    more = {"keypoints": [1, 2, 2, 0, 0, 0], "attributes": {"occluded": False}, "score": 0.5, "area": 3}
    put(tmp_path, {"a.jpg": "", "l.json": coco(["a.jpg"], [(0, 7, [1, 2, 3, 4], more)])})
    ((label,),) = read(tmp_path, "coco").labels.values()
    assert label.detail == {
        "points": [[1, 2, 2], [0, 0, 0]], "attributes": {"occluded": False, "score": 0.5},
    }  # fmt: skip


def test_a_polygon_without_a_box_is_a_polygon_and_a_crowd_is_no_box(tmp_path):
    ring = {"segmentation": [[1, 1, 9, 1, 9, 5]]}
    crowd = (0, 12, [0, 0, 9, 9], {"iscrowd": 1})
    put(tmp_path, {"a.jpg": "", "l.json": coco(["a.jpg"], [(0, 7, [], ring), crowd])})
    assert labels(tmp_path, read(tmp_path, "coco")) == [
        ("a.jpg", "polygon", "zebra", 1, 1, 9, 5), ("a.jpg", "other", "ant", 0, 0, 9, 9),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ((0, 9, [1, 2, 3, 4]), "category 9 is not in the list"),
        ((0, 7, [1, 2, -3, 4]), "negative sides"),
        ((0, 7, [1, 2, 3]), "not enough values"),
        ((0, 7, [1, 2, 3, "wide"]), "could not convert string to float: 'wide'"),
        ((0, 7, [1, 2, 3, float("inf")]), "not made of numbers"),
        ((0, 7, []), "without bbox and segmentation"),
        ((0, 7, [1, 2, 3, 4], {"segmentation": [[1, 2, 3]]}), "3 coordinates"),
        ((0, 7, [1, 2, 3, 4], {"segmentation": {"size": [48, 64], "counts": [5]}}), "runs of 5 pixels"),
        ((0, 7, [1, 2, 3, 4], {"segmentation": {"size": [9**9, 9**9], "counts": [5]}}), "a mask of"),
        ((0, 7, [1, 2, 3, 4], {"segmentation": {"size": [48, 64], "counts": "ä"}}), "COCO does not use"),
    ],
)
def test_a_damaged_annotation_is_named_and_costs_its_image_alone(tmp_path, annotation, said):
    content = coco(["a.jpg", "b.jpg"], [BOX, annotation, (1, 12, [0, 0, 5, 5])])
    put(tmp_path, {"a.jpg": "", "b.jpg": "", "l.json": json.dumps(content)})
    source = read(tmp_path, "coco")
    ((place, reason),) = source.damaged.items()
    assert place == f"{tmp_path / 'l.json'}: a.jpg"
    assert said in reason
    assert names(tmp_path, source.labelled) == names(tmp_path, source.labels) == ["b.jpg"]


def test_an_annotation_of_no_image_is_named(tmp_path):
    put(tmp_path, {"a.jpg": "", "l.json": coco(["a.jpg"], [BOX, (5, 7, [0, 0, 1, 1])])})
    source = read(tmp_path, "coco")
    assert list(source.damaged.values()) == ["of an image 5 that is not in the list"]
    assert names(tmp_path, source.labelled) == ["a.jpg"]


@pytest.mark.parametrize("name", ["gone.jpg", "../outside.jpg", "/etc/hostname", "..\\outside.jpg", ""])
def test_an_image_that_is_not_there_or_not_below_the_folder_is_missing(tmp_path, name):
    put(tmp_path, {"outside.jpg": "", "in/a.jpg": "", "in/l.json": coco(["a.jpg", name], [BOX])})
    source = read(tmp_path / "in", "coco")
    assert source.missing == (name,)
    assert names(tmp_path, source.images) == ["in/a.jpg"]


@pytest.mark.parametrize("text", ["/home/them/imgs/a.jpg", "C:\\data\\imgs\\a.jpg", "./x/../imgs/a.jpg", "a.jpg"])
def test_a_path_of_another_machine_is_found_by_its_name(tmp_path, text):
    put(tmp_path, {"imgs/a.jpg": "", "l.json": coco([text], [BOX])})
    assert names(tmp_path, read(tmp_path, "coco").labelled) == ["imgs/a.jpg"]


def test_a_name_that_two_files_bear_is_not_guessed(tmp_path):
    put(tmp_path, {"x/a.jpg": "", "y/a.jpg": "", "l.json": coco(["a.jpg"], [BOX])})
    source = read(tmp_path, "coco")
    assert source.labelled == frozenset()
    assert "may be any of" in next(iter(source.damaged.values()))


def test_two_files_that_contradict_each_other_leave_the_image_unlabelled(tmp_path):
    put(tmp_path, {"a.jpg": "", "b.jpg": "", "1.json": coco(["a.jpg", "b.jpg"], [BOX, (1, 12, [0, 0, 1, 1])])})
    put(tmp_path, {"2.json": coco(["a.jpg", "b.jpg"], [(0, 12, [0, 0, 1, 1]), (1, 12, [0, 0, 1, 1])])})
    source = read(tmp_path, "coco")
    assert names(tmp_path, source.labelled) == ["b.jpg"]
    assert "before, and differently" in next(iter(source.damaged.values()))


@pytest.mark.parametrize(
    ("files", "settings", "said"),
    [
        ({"a.jpg": ""}, {}, "holds no COCO file"),
        ({"a.jpg": "", "l.json": "{"}, {}, "holds no COCO file; .*l.json: Expecting property name"),
        ({"a.jpg": "", "l.json": [1]}, {"annotations": "l.json"}, "no lists of images and categories"),
        ({"a.jpg": ""}, {"annotations": "l.json"}, r"source\.annotations: .*l\.json is not there"),
        ({"a.jpg": ""}, {"annotations": "../l.json"}, r"source\.annotations: \.\./l\.json is not below"),
        ({"l.json": coco([])}, {}, r"source\.path: .* holds no file"),
    ],
)
def test_a_source_that_is_no_coco_is_an_error_that_says_why(tmp_path, files, settings, said):
    put(tmp_path, files)
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, "coco", **settings)


def test_a_damaged_file_beside_a_good_one_is_named(tmp_path):
    put(tmp_path, {"a.jpg": "", "1.json": coco(["a.jpg"], [BOX]), "2.json": "[" * 100_000})
    source = read(tmp_path, "coco")
    assert list(source.damaged) == [str(tmp_path / "2.json")]
    assert names(tmp_path, source.labelled) == ["a.jpg"]
