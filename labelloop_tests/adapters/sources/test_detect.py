import pytest

from labelloop.adapters.sources.detect import detect
from labelloop.core.errors import ConfigError
from labelloop_tests.adapters.sources.builders import put

COCO = {"images": [], "annotations": [], "categories": []}
VOC, CVAT = "<annotation/>", "<annotations><image/></annotations>"
BOX = "0 .5 .5 .1 .1"


@pytest.mark.parametrize(
    ("files", "kinds", "values"),
    [
        ({"a.jpg": ""}, ["folder"], {}),
        ({"2024/a.jpg": "", "2025/b.jpg": ""}, ["folder"], {}),
        ({"train/a.jpg": "", "val/b.jpg": ""}, ["folder"], {}),
        ({"a.jpg": "", "notes.txt": "", "settings.yaml": "a: 1", "x.json": {"a": 1}, "y.csv": "a,b\n"}, ["folder"], {}),
        ({"a.jpg": "", "x.json": "{", "x.xml": "<a", "x.yaml": "{", "x.csv": "\0"}, ["folder"], {}),
        ({"images/a.jpg": "", "annotations/a.xml": VOC}, ["voc", "folder"],
         {"images": "images", "annotations": "annotations"}),
        ({"JPEGImages/a.jpg": "", "Annotations/a.xml": VOC}, ["voc", "folder"],
         {"images": "JPEGImages", "annotations": "Annotations", "splits": "ImageSets/Main"}),
        ({"train/a.jpg": "", "train/a.xml": VOC}, ["voc", "folder"], {"images": ".", "annotations": "."}),
        ({"images/a.jpg": "", "annotations/a.xml": "", "annotations/b.xml": VOC}, ["voc", "folder"], {}),
        ({"images/a.jpg": "", "annotations.xml": CVAT}, ["cvat_xml", "folder"], {}),
        ({"data/a.jpg": "", "labels.json": COCO}, ["coco", "folder"], {"annotations": ""}),
        ({"train2017/a.jpg": "", "annotations/instances_train2017.json": COCO, "annotations/captions.json": COCO},
         ["coco", "folder"], {"annotations": "annotations/instances_*.json"}),
        ({"train/a.jpg": "", "train/_annotations.coco.json": COCO, "valid/_annotations.coco.json": COCO},
         ["coco", "folder"], {"annotations": ""}),
        ({"images/a.jpg": "", "data.yaml": "names: [a]"}, ["yolo", "folder"], {"annotations": ""}),
        ({"a.jpg": "", "data.yaml": "names: [a]", "b.yml": "names: [b]"}, ["yolo", "folder"],
         {"annotations": "data.yaml"}),
        ({"data/a.jpg": "", "data/a.txt": BOX, "obj.names": "a"}, ["yolo", "folder"], {}),
        ({"train/cat/a.jpg": "", "train/dog/b.jpg": "", "val/cat/c.jpg": "", "val/dog/d.jpg": ""},
         ["yolo", "folder"], {}),
        ({"data/a.jpg": "", "samples.json": {"samples": []}, "metadata.json": {}}, ["fiftyone_dataset", "folder"], {}),
        ({"a.jpg": "", "t.csv": "path,tags\na.jpg,x\n"}, ["tags", "folder"], {}),
        ({"a.jpg": "", "a.jpg.txt": "x"}, ["tags", "folder"], {}),
        ({"images/a.jpg": "", "data.yaml": "names: [a]", "l.json": COCO, "x.xml": CVAT},
         ["yolo", "coco", "cvat_xml", "folder"], {}),
    ],
)  # fmt: skip
def test_what_a_folder_holds_is_seen(tmp_path, files, kinds, values):
    put(tmp_path, files)
    found = detect(tmp_path)
    assert [settings.type for settings in found] == kinds
    assert {settings.path for settings in found} == {str(tmp_path)}
    assert {key: getattr(found[0], key) for key in values} == values


@pytest.mark.parametrize(
    ("files", "named", "kind", "root", "annotations"),
    [
        ({"a.jpg": "", "my.yaml": "names: [a]"}, "my.yaml", "yolo", "", "my.yaml"),
        ({"a.jpg": "", "x.xml": CVAT}, "x.xml", "cvat_xml", "", "x.xml"),
        ({"a.jpg": "", "l.json": COCO}, "l.json", "coco", "", "l.json"),
        ({"images/a.jpg": "", "annotations/l.json": COCO}, "annotations/l.json", "coco", "", "annotations/l.json"),
        ({"a.jpg": "", "t.csv": "path,tags\na.jpg,x\n"}, "t.csv", "tags", "", "t.csv"),
    ],
)
def test_a_file_of_labels_names_its_folder(tmp_path, files, named, kind, root, annotations):
    put(tmp_path, files)
    (found,) = detect(tmp_path / named)
    assert (found.type, found.path, found.annotations) == (kind, str(tmp_path / root), annotations)


@pytest.mark.parametrize(
    ("named", "said"),
    [("nowhere", "is not a folder"), ("a.jpg", "holds no labels"), ("x.json", "holds no labels")],
)
def test_what_is_nothing_is_an_error(tmp_path, named, said):
    put(tmp_path, {"a.jpg": "", "x.json": "{"})
    with pytest.raises(ConfigError, match=said):
        detect(tmp_path / named)
