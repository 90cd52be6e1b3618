import math

import pytest

from labelloop.core.errors import ConfigError
from labelloop.core.masks import mask_in_box
from labelloop_tests.adapters.sources.builders import labels, names, put, read, splits

BOX = '<box label="cat" xtl="1" ytl="2" xbr="30.5" ybr="40" occluded="1" z_order="0"/>'


def image(name="a.jpg", *shapes, subset=""):
    said = f' subset="{subset}"' if subset else ""
    return f'<image id="0" name="{name}" width="64" height="48"{said}>{"".join(shapes)}</image>'


def document(*images, classes=("zebra", "cat"), holder="task"):
    listed = "".join(f"<label><name>{name}</name></label>" for name in classes)
    return (
        f"<annotations><version>1.1</version><meta><{holder}><labels>{listed}</labels></{holder}></meta>"
        f"{''.join(images)}</annotations>"
    )


def one(tmp_path, *shapes, **settings):
    """The only label of an image with these shapes."""
    put(tmp_path, {"images/a.jpg": "", "annotations.xml": document(image("a.jpg", *shapes))})
    source = read(tmp_path, "cvat_xml", **settings)
    assert source.damaged == {}
    ((label,),) = source.labels.values()
    return label


def test_boxes_attributes_and_the_order_of_the_labels_are_kept(tmp_path):
    label = one(tmp_path, BOX.replace("/>", '><attribute name="age">3</attribute></box>'))
    assert (label.kind, label.label, label.corners) == ("box", "cat", (1, 2, 30.5, 40))
    assert label.detail == {"attributes": {"occluded": "1", "z_order": "0", "age": "3"}}
    assert read(tmp_path, "cvat_xml").classes == ("zebra", "cat")


@pytest.mark.parametrize(
    ("shape", "kind", "corners"),
    [
        ('<polygon label="cat" points="1,2;30,2;30,40"/>', "polygon", (1, 2, 30, 40)),
        ('<polyline label="cat" points="1,2;30,2.5"/>', "polyline", (1, 2, 30, 2.5)),
        ('<points label="cat" points="1,2"/>', "points", (1, 2, 1, 2)),
        ('<ellipse label="cat" cx="10" cy="20" rx="3" ry="4"/>', "other", (7, 16, 13, 24)),
        ('<cuboid label="cat" xtl1="1" ytl1="2" xbl1="1" ybl1="9" xtr1="5" ytr1="2" xbr1="5" ybr1="9" '
         'xtl2="7" ytl2="3" xbl2="7" ybl2="8" xtr2="6" ytr2="3" xbr2="6" ybr2="8"/>', "other", (1, 2, 7, 9)),
        ('<mask label="cat" rle="1, 2, 1" left="5" top="6" width="2" height="2"/>', "mask", (5, 6, 7, 8)),
        ('<skeleton label="cat"><points label="nose" points="1,2"/><points label="tail" points="3,9"/></skeleton>',
         "points", (1, 2, 3, 9)),
    ],
)  # fmt: skip
def test_every_shape_is_kept_with_the_box_around_it(tmp_path, shape, kind, corners):
    label = one(tmp_path, shape)
    assert (label.kind, label.label, label.corners) == (kind, "cat", corners)


def test_a_mask_lies_where_it_was_drawn(tmp_path):
    label = one(tmp_path, '<mask label="cat" rle="1, 2, 1" left="5" top="6" width="2" height="2"/>')
    assert mask_in_box(label.detail, label.corners).tolist() == [[False, True], [True, False]]


def test_a_turned_rectangle_is_a_polygon_and_its_rectangle_is_kept(tmp_path):
    label = one(tmp_path, '<box label="cat" xtl="10" ytl="10" xbr="30" ybr="20" rotation="90"/>')
    assert label.kind == "polygon"
    assert label.corners == pytest.approx((15, 5, 25, 25))
    assert (label.detail["rotation"], label.detail["unturned"]) == (90, [10, 10, 30, 20])
    ((first, *_),) = label.detail["rings"]
    assert first == pytest.approx([25, 5])  # clockwise, as CVAT turns: the corner top left comes to the top right
    assert math.isfinite(sum(first))


@pytest.mark.parametrize(("means", "listed"), [("auto", False), ("unlabelled", False), ("background", True)])
def test_an_image_without_a_shape_is_what_the_settings_say_and_a_tag_is_no_shape(tmp_path, means, listed):
    put(tmp_path, {"a.jpg": "", "b.jpg": "", "c.jpg": ""})
    put(tmp_path, {"x.xml": document(image("a.jpg", BOX), image("b.jpg", '<tag label="night"/>'))})
    source = read(tmp_path, "cvat_xml", empty_means=means)
    assert names(tmp_path, source.labelled) == ["a.jpg", *(["b.jpg"] if listed else [])]
    assert [row[:3] for row in labels(tmp_path, source)][1] == ("b.jpg", "tag", "night")


def test_subsets_are_splits_and_the_default_one_is_none(tmp_path):
    images = [image("a.jpg", subset="Validation"), image("b.jpg", subset="default"), image("c.jpg")]
    put(tmp_path, {"images/Validation/a.jpg": "", "images/default/a.jpg": "", "images/b.jpg": "", "images/c.jpg": ""})
    put(tmp_path, {"x.xml": document(*images, holder="project")})
    source = read(tmp_path, "cvat_xml")
    assert splits(tmp_path, source) == {"images/Validation/a.jpg": "Validation"}
    assert source.classes == ("zebra", "cat")


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ('<box label="cat" xtl="1"/>', "ytl"),
        ('<box label="" xtl="1" ytl="2" xbr="3" ybr="4"/>', "without a name"),
        ('<box label="cat" xtl="1" ytl="2" xbr="3" ybr="nan"/>', "not made of numbers"),
        ('<polygon label="cat" points="1,2;x,4"/>', "could not convert"),
        ('<polygon label="cat" points=""/>', "not made of numbers"),
        ('<polygon label="cat" points="1,2;3"/>', "not enough values"),
        ('<mask label="cat" rle="1, 2" left="5" top="6" width="2" height="2"/>', "runs of 3 pixels"),
        ('<mask label="cat" rle="1" left="5" top="6" width="1000000" height="1000000"/>', "a mask of"),
        ('<hologram label="cat"/>', "hologram"),
    ],
)
def test_a_damaged_shape_is_named_and_costs_its_image_alone(tmp_path, shape, said):
    put(tmp_path, {"a.jpg": "", "b.jpg": "", "x.xml": document(image("a.jpg", BOX, shape), image("b.jpg", BOX))})
    source = read(tmp_path, "cvat_xml")
    assert said in source.damaged[f"{tmp_path / 'x.xml'}: a.jpg"]
    assert names(tmp_path, source.labelled) == ["b.jpg"]


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ("", "no element found"),
        ("<annotation/>", "no annotations of CVAT"),
        ("<annotations><track/></annotations>", "CVAT for video: export as 'CVAT for images 1.1'"),
        ('<!DOCTYPE a [<!ENTITY b "ha">]><annotations><image name="&b;"/></annotations>', "EntitiesForbidden"),
        (None, "is not there|holds no XML of CVAT"),
    ],
)
def test_a_source_that_is_no_cvat_is_an_error_that_says_why(tmp_path, xml, said):
    put(tmp_path, {"a.jpg": "", **({} if xml is None else {"x.xml": xml})})
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, "cvat_xml")


@pytest.mark.parametrize("name", ["gone.jpg", "../out.jpg", "/etc/hostname"])
def test_an_image_that_is_not_there_or_not_below_the_folder_is_missing(tmp_path, name):
    put(tmp_path, {"out.jpg": "", "in/a.jpg": "", "in/x.xml": document(image(name, BOX))})
    source = read(tmp_path / "in", "cvat_xml")
    assert (source.missing, source.labels) == ((name,), {})
