import pandas as pd
import pytest

from labelloop.adapters.sources import BOX_COLUMNS, read_source
from labelloop.core.errors import ConfigError
from labelloop.settings.model import SourceSettings

VOC = SourceSettings(type="voc", path="voc")
BOMB = (
    '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>'
    "<annotation><object><name>&c;</name></object></annotation>"
)
FILE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><annotation><filename>&b;</filename></annotation>'


def thing(name="cat", corners=(1, 2, 30, 40)):
    keys = ("xmin", "ymin", "xmax", "ymax")
    edges = "".join(f"<{key}>{value}</{key}>" for key, value in zip(keys, corners, strict=True))
    return f"<object><name>{name}</name><bndbox>{edges}</bndbox></object>"


def annotation(*things):
    return f"<annotation>{''.join(things)}</annotation>"


@pytest.fixture
def project(tmp_path):
    return tmp_path


def put(project, files):
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (project / "voc" / "annotations").mkdir(parents=True, exist_ok=True)


def read(project, settings=VOC):
    source = read_source(settings, project)
    base = project / settings.path / ("images" if settings.type == "voc" else "")
    return source, lambda path: path.relative_to(base).as_posix()


def test_a_folder_is_images_and_nothing_else(project):
    put(project, {"images/b.jpg": "", "images/sub/a.jpg": "", "images/notes.txt": "", "images/.hidden": ""})
    source, name = read(project, SourceSettings())
    assert list(map(name, source.images)) == ["b.jpg", "notes.txt", "sub/a.jpg"]
    assert (list(source.boxes.columns), len(source.boxes)) == (BOX_COLUMNS, 0)
    assert (source.labelled, source.splits, source.damaged, source.missing) == (frozenset(), {}, {}, ())


def test_a_folder_may_be_named_absolutely(project):
    put(project, {"elsewhere/a.jpg": ""})
    source = read_source(SourceSettings(path=str(project / "elsewhere")), project / "other")
    assert source.images == [project / "elsewhere" / "a.jpg"]


@pytest.mark.parametrize(
    ("files", "settings", "said"),
    [
        ({}, SourceSettings(), r"source\.path: .*images is not a folder\. Correct labelloop\.yaml"),
        ({"images": ""}, SourceSettings(), "is not a folder"),
        ({"images/.hidden": ""}, SourceSettings(), r"source\.path: .*images holds no file"),
        ({}, VOC, r"source\.path: .*voc/images is not a folder"),
        ({"voc/images/a.jpg": ""}, VOC.model_copy(update={"annotations": "xml"}), r"source\.annotations: .*voc/xml"),
    ],
)
def test_a_folder_that_is_not_there_or_empty_is_named_with_its_key(project, files, settings, said):
    put(project, files)
    with pytest.raises(ConfigError, match=said):
        read_source(settings, project)


def test_boxes_are_read_as_they_were_written(project):
    xml = annotation(thing(" Ünïcorn & co ".replace("&", "&amp;"), (0.5, "1e1", 30, 40)), thing("dog"))
    put(project, {"voc/images/a.jpg": "", "voc/annotations/a.xml": xml})
    source, name = read(project)
    assert source.boxes.assign(path=source.boxes["path"].map(name)).to_numpy().tolist() == [
        ["a.jpg", "Ünïcorn & co", 0.5, 10.0, 30.0, 40.0],
        ["a.jpg", "dog", 1.0, 2.0, 30.0, 40.0],
    ]


def test_an_image_without_xml_is_unlabelled_and_one_with_an_xml_without_objects_is_labelled_and_empty(project):
    put(
        project,
        {"voc/images/no.jpg": "", "voc/images/empty.jpg": "", "voc/images/one.jpg": "",
         "voc/annotations/empty.xml": annotation(), "voc/annotations/one.xml": annotation(thing()),
         "voc/annotations/nobody.xml": annotation(thing())},
    )  # fmt: skip
    source, name = read(project)
    assert sorted(map(name, source.labelled)) == ["empty.jpg", "one.jpg"]
    assert source.boxes["path"].map(name).tolist() == ["one.jpg"]
    assert len(source.images) == 3
    assert source.missing == (f"image of {project / 'voc' / 'annotations' / 'nobody.xml'}",)


def test_an_xml_without_objects_is_unlabelled_where_the_settings_say_so(project):
    put(project, {"voc/images/empty.jpg": "", "voc/annotations/empty.xml": annotation()})
    source, _ = read(project, VOC.model_copy(update={"empty_means": "unlabelled"}))
    assert source.labelled == frozenset()


def test_the_size_and_the_remarks_of_an_xml_are_kept(project):
    remark = thing().replace("</object>", "<difficult>1</difficult></object>")
    size = "<size><width>64</width><height>48</height></size>"
    put(project, {"voc/images/a.jpg": "", "voc/annotations/a.xml": annotation(size, remark)})
    source, _ = read(project)
    (image,) = source.images
    assert source.sizes == {image: (64.0, 48.0)}
    assert source.labels[image][0].detail == {"attributes": {"difficult": "1"}}


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ("", "no element found"),
        ("<annotation>", "no element found"),
        (annotation(thing()) + "x", "junk after document element"),
        (annotation(thing(), "<object><name>cat</name></object>"), "without name or bndbox"),
        (annotation(thing(name=" ")), "without name or bndbox"),
        (annotation(thing(corners=(1, 2, 3, "wide"))), "could not convert string to float: 'wide'"),
        (annotation(thing(corners=(1, 2, 3, "nan"))), "not made of numbers"),
        (annotation(thing(corners=(1, 2, 3, "inf"))), "not made of numbers"),
        ("<?xml version='1.0' encoding='nonsense'?><annotation/>", "unknown encoding: nonsense"),
        ("<?xml version='1.0' encoding='shift_jis'?><annotation/>", "multi-byte encodings are not supported"),
        (BOMB, "EntitiesForbidden"),
        (FILE, "EntitiesForbidden"),
    ],
)
def test_an_xml_that_cannot_be_read_is_named_and_its_image_is_unlabelled(project, xml, said):
    put(
        project,
        {"voc/images/a.jpg": "", "voc/images/b.jpg": "", "voc/annotations/a.xml": xml,
         "voc/annotations/b.xml": annotation(thing())},
    )  # fmt: skip
    source, name = read(project)
    assert list(source.damaged) == [str(project / "voc" / "annotations" / "a.xml")]
    assert said in next(iter(source.damaged.values()))
    assert list(map(name, source.labelled)) == ["b.jpg"]
    assert source.boxes["path"].map(name).tolist() == ["b.jpg"]


def test_splits_are_those_of_the_lists_and_an_image_in_none_has_none(project):
    images = dict.fromkeys([f"voc/images/{name}.jpg" for name in "abcde"], "")
    lists = {"voc/splits/train.txt": "a\n\n", "voc/splits/val.txt": "b  1\nzzz\n", "voc/splits/test.txt": "c"}
    put(project, images | lists)
    source, name = read(project)
    assert {name(path): split for path, split in source.splits.items()} == {
        "a.jpg": "train", "b.jpg": "val", "c.jpg": "test",
    }  # fmt: skip


def test_the_same_name_in_two_folders_is_two_images_with_labels_and_splits_of_their_own(project):
    put(
        project,
        {"voc/images/x/1.jpg": "", "voc/images/y/1.jpg": "", "voc/images/z/1.jpg": "", "voc/images/z/2.jpg": "",
         "voc/annotations/x/1.xml": annotation(thing("cat")), "voc/annotations/y/1.xml": annotation(thing("dog")),
         "voc/annotations/1.xml": annotation(thing("nobody knows whose")), "voc/annotations/2.xml": annotation(),
         "voc/splits/train.txt": "x/1\n1\n2\n", "voc/splits/val.txt": "y/1\n"},
    )  # fmt: skip
    source, name = read(project)
    assert dict(zip(source.boxes["path"].map(name), source.boxes["label"], strict=True)) == {
        "x/1.jpg": "cat", "y/1.jpg": "dog",
    }  # fmt: skip
    assert sorted(map(name, source.labelled)) == ["x/1.jpg", "y/1.jpg", "z/2.jpg"]
    assert {name(path): split for path, split in source.splits.items()} == {
        "x/1.jpg": "train", "y/1.jpg": "val", "z/2.jpg": "train",
    }  # fmt: skip


def test_another_file_beside_an_image_does_not_take_its_labels(project):
    put(project, {"voc/images/s/1.jpg": "", "voc/images/s/1.txt": "", "voc/annotations/1.xml": annotation(thing())})
    source, name = read(project)
    assert "s/1.jpg" in map(name, source.labelled)


def test_the_boxes_of_no_image_are_an_empty_frame_with_its_columns(project):
    put(project, {"voc/images/a.jpg": ""})
    source, _ = read(project)
    pd.testing.assert_frame_equal(source.boxes, pd.DataFrame([], columns=BOX_COLUMNS))
