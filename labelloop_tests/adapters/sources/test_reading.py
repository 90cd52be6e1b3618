"""Several sources as one."""

from typing import get_args

from labelloop.adapters.sources.reading import READERS, read_sources
from labelloop.settings.model import SOURCE_TYPES, SourceSettings
from labelloop_tests.adapters.sources.builders import labels, names, put, splits

COCO = {
    "images": [{"id": 0, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}],
    "categories": [{"id": 1, "name": "zebra"}],
    "annotations": [{"image_id": 0, "category_id": 1, "bbox": [1, 2, 3, 4]}],
}


def test_every_type_of_the_settings_has_a_reader():
    assert {*READERS, "none"} == set(get_args(SOURCE_TYPES))


def test_a_source_that_is_none_brings_nothing(tmp_path):
    assert read_sources([SourceSettings(type="none")], tmp_path).images == []


def test_two_folders_are_one_source_and_the_classes_of_the_first_come_first(tmp_path):
    put(tmp_path, {"one/a.jpg": "", "one/b.jpg": "", "one/l.json": COCO, "two/images/a.jpg": ""})
    put(tmp_path, {"two/labels/a.txt": "1 .5 .5 .2 .2", "two/data.yaml": "names: [zebra, ant]\ntest: images"})
    kinds = [SourceSettings(type="coco", path="one"), SourceSettings(type="yolo", path="two", shapes_as_boxes=True)]
    source = read_sources(kinds, tmp_path)
    assert names(tmp_path, source.images) == ["one/a.jpg", "one/b.jpg", "two/images/a.jpg"]
    assert names(tmp_path, source.labelled) == ["one/a.jpg", "two/images/a.jpg"]
    assert names(tmp_path, source.relative) == names(tmp_path, source.enclose) == ["two/images/a.jpg"]
    assert source.classes == ("zebra", "ant")
    assert splits(tmp_path, source) == {"two/images/a.jpg": "test"}


def test_objects_are_those_of_the_first_source_that_labels_an_image_and_tags_are_of_all(tmp_path):
    xml = '<annotations><image name="a.jpg"><box label="cat" xtl="1" ytl="2" xbr="3" ybr="4"/></image>'
    xml += '<image name="b.jpg"><box label="cat" xtl="1" ytl="2" xbr="3" ybr="4"/></image></annotations>'
    put(tmp_path, {"a.jpg": "", "b.jpg": "", "l.json": COCO, "x.xml": xml, "t.csv": "path,tags\na.jpg,night\n"})
    kinds = [SourceSettings(type=kind, path=".") for kind in ("tags", "coco", "cvat_xml")]
    rows = labels(tmp_path, read_sources(kinds, tmp_path))
    assert [row[:3] for row in rows] == [
        ("a.jpg", "tag", "night"), ("a.jpg", "box", "zebra"), ("b.jpg", "box", "cat"),
    ]  # fmt: skip
