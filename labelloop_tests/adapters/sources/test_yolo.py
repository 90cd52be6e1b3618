import pytest

from labelloop.core.errors import ConfigError
from labelloop_tests.adapters.sources.builders import labels, names, put, read, splits

CARD = "names: {0: zebra, 1: ant}\ntrain: images/train\nval: images/val\n"
BOX = "0 0.5 0.5 0.2 0.4\n"


def test_boxes_are_corners_in_shares_and_classes_follow_the_ids(tmp_path):
    put(tmp_path, {"data.yaml": CARD, "images/train/a.jpg": "", "labels/train/a.txt": BOX + "1 .25 .25 .5 .5\n"})
    source = read(tmp_path, "yolo")
    assert labels(tmp_path, source) == [
        ("images/train/a.jpg", "box", "zebra", 0.4, 0.3, 0.6, 0.7),
        ("images/train/a.jpg", "box", "ant", 0, 0, 0.5, 0.5),
    ]
    assert source.classes == ("zebra", "ant")
    assert source.relative == source.labels.keys()


@pytest.mark.parametrize(("means", "empty"), [("auto", True), ("background", True), ("unlabelled", False)])
def test_an_empty_file_is_background_and_no_file_is_unlabelled(tmp_path, means, empty):
    put(tmp_path, {"data.yaml": CARD, "labels/val/empty.txt": "\n", "labels/val/a.txt": BOX})
    put(tmp_path, {f"images/val/{name}.jpg": "" for name in ("a", "empty", "none")})
    source = read(tmp_path, "yolo", empty_means=means)
    assert names(tmp_path, source.labelled) == ["images/val/a.jpg", *(["images/val/empty.jpg"] if empty else [])]
    assert len(source.images) == 3


@pytest.mark.parametrize(
    "places",
    [
        "train: images/train\nval: images/val",
        "path: .\ntrain: ./images/train/\nval: [images/val]",
        "path: /content/data\ntrain: ../images/train\nval: /images/val",
        "train: ../train.txt\nvalid: val.txt",
        "train: train.txt\nval: nested/val.txt",
    ],
)
def test_splits_are_folders_or_lists_however_they_are_written(tmp_path, places):
    put(tmp_path, {"data.yaml": f"names: [zebra]\n{places}\n", "images/train/a.jpg": "", "images/val/a.jpg": ""})
    put(tmp_path, {"images/b.jpg": "", "train.txt": "./images/train/a.jpg\n", "val.txt": "/their/images/val/a.jpg\n"})
    put(tmp_path, {"nested/val.txt": "images/val/a.jpg\n"})
    source = read(tmp_path, "yolo")
    name = "valid" if "valid" in places else "val"
    assert splits(tmp_path, source) == {"images/train/a.jpg": "train", "images/val/a.jpg": name}
    assert (source.damaged, source.missing) == ({}, ())


@pytest.mark.parametrize("place", ["nowhere", "../../outside", "../outside"])
def test_a_split_that_is_not_there_or_not_below_the_folder_is_named(tmp_path, place):
    put(tmp_path, {"outside/x.jpg": "", "in/images/a.jpg": "", "in/data.yaml": f"names: [a]\ntrain: {place}\n"})
    source = read(tmp_path / "in", "yolo")
    assert source.damaged == {f"train: {place}": "a place that is not there, or not below the source"}
    assert names(tmp_path, source.images) == ["in/images/a.jpg"]


def test_a_split_of_an_unknown_name_is_kept_so_that_it_is_refused_later_and_not_dropped(tmp_path):
    put(tmp_path, {"images/fold7/a.jpg": "", "data.yaml": "names: [a]\nfold7: images/fold7\nremark: none\nnc: 1\n"})
    assert splits(tmp_path, read(tmp_path, "yolo")) == {"images/fold7/a.jpg": "fold7"}


def test_images_of_a_list_that_are_not_there_are_missing(tmp_path):
    put(
        tmp_path, {"images/a.jpg": "", "data.yaml": "names: [a]\ntrain: t.txt", "t.txt": "images/a.jpg\nimages/b.jpg\n"}
    )
    put(tmp_path, {"labels/lost.txt": "0 .5 .5 .1 .1"})
    assert read(tmp_path, "yolo").missing == ("image of " + str(tmp_path / "labels/lost.txt"), "images/b.jpg")


def test_polygons_and_keypoints(tmp_path):
    put(tmp_path, {"a.jpg": "", "a.txt": "0 0.1 0.1 0.5 0.1 0.5 0.4\n", "data.yaml": "names: [a]"})
    assert labels(tmp_path, read(tmp_path, "yolo")) == [("a.jpg", "polygon", "a", 0.1, 0.1, 0.5, 0.4)]
    put(tmp_path, {"a.txt": "0 .5 .5 .2 .2 .1 .2 2 .3 .4 0\n", "data.yaml": "names: [a]\nkpt_shape: [2, 3]"})
    ((label,),) = read(tmp_path, "yolo").labels.values()
    assert label.kind == "box"
    assert label.detail["points"] == [[0.1, 0.2, 2], [0.3, 0.4, 0]]


def test_darknet_names_and_images_beside_their_labels(tmp_path):
    put(tmp_path, {"obj.names": "zebra\nant\n", "data/a.jpg": "", "data/a.txt": BOX, "train.txt": "data/a.jpg\n"})
    source = read(tmp_path, "yolo")
    assert (source.classes, splits(tmp_path, source)) == (("zebra", "ant"), {"data/a.jpg": "train"})
    assert names(tmp_path, source.labelled) == ["data/a.jpg"]


def test_folders_named_by_class_are_tags_and_say_nothing_about_objects(tmp_path):
    put(tmp_path, dict.fromkeys(["train/cat/a.jpg", "train/dog/b.jpg", "val/cat/c.jpg"], ""))
    source = read(tmp_path, "yolo")
    assert [row[:3] for row in labels(tmp_path, source)] == [
        ("train/cat/a.jpg", "tag", "cat"), ("train/dog/b.jpg", "tag", "dog"), ("val/cat/c.jpg", "tag", "cat"),
    ]  # fmt: skip
    assert (source.labelled, source.object_classes) == (frozenset(), ())
    assert set(splits(tmp_path, source).values()) == {"train", "val"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2 .5 .5 .1 .1", "class 2 is not among the 2 names"),
        ("-1 .5 .5 .1 .1", "class -1 is not among"),
        ("0.5 .5 .5 .1 .1", "invalid literal for int"),
        ("zebra .5 .5 .1 .1", "invalid literal for int"),
        ("0 .5 .5 .1", "3 numbers behind the class"),
        ("0 .5 .5 .1 .1 .9", "5 numbers behind the class"),
        ("0 .5 .5 .1 -.1", "negative sides"),
        ("0 .5 .5 nan .1", "not made of numbers"),
        ("0 .5 .5 x .1", "could not convert"),
    ],
)
def test_a_damaged_label_file_is_named_and_its_image_is_unlabelled(tmp_path, line, said):
    put(tmp_path, {"data.yaml": CARD, "images/a.jpg": "", "images/b.jpg": "", "labels/a.txt": BOX + line})
    put(tmp_path, {"labels/b.txt": BOX})
    source = read(tmp_path, "yolo")
    assert said in source.damaged[str(tmp_path / "labels/a.txt")]
    assert names(tmp_path, source.labelled) == names(tmp_path, source.labels) == ["images/b.jpg"]


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("names: {0: a, 2: b}", "names is not a list of classes, or its ids have gaps"),
        ("names: 5", "names is not a list of classes"),
        ("names: []", "names is not a list of classes"),
        ("names: [a", "cannot be read as YAML"),
        ("names: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
        ("nc: 5", "no data.yaml with names, no list of classes and no folder for each class"),
    ],
)
def test_a_card_that_is_none_is_an_error_that_says_why(tmp_path, card, said):
    put(tmp_path, {"a.jpg": "", "data.yaml": card})
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, "yolo")


def test_of_several_cards_one_is_to_be_named(tmp_path):
    put(tmp_path, {"a.jpg": "", "a.txt": BOX, "one.yaml": "names: [a]", "two.yaml": "names: [b]"})
    with pytest.raises(ConfigError, match=r"one\.yaml, two\.yaml\. Name one in source\.annotations"):
        read(tmp_path, "yolo")
    assert read(tmp_path, "yolo", annotations="two.yaml").classes == ("b",)
