"""How a batch in the App is asked for, how far people are, and what they drew: fiftyone writes, pymongo reads."""

import importlib

import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.fiftyone import annotation
from labelloop.adapters.fiftyone.drawing import Asked, reading
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import DatabaseBusyError, LabelError
from labelloop_tests.app_world import draw, set_status, tag, untag
from labelloop_tests.fiftyone_world import database

IDS = ("s3", "s0", "s2")
SIZES = {f"s{number}": (640, 480) for number in range(5)}
FRESH, TAKEN = Asked("v0", IDS, taken=False), Asked("v0", IDS, taken=True)
BOX = ("cat", (0.25, 0.5, 0.125, 0.25))


@pytest.fixture
def fo(loop):
    """FiftyOne, imported when the database is known."""
    return importlib.import_module("fiftyone")


@pytest.fixture
def asked(loop):
    """Three of five images are asked for."""
    samples = pd.DataFrame({"sample_id": list(SIZES), "width": 640, "height": 480})
    loop.add_samples(samples, {name: f"/images/{name}.jpg" for name in SIZES})
    annotation.offer_schema(loop, ["cat", "dog"], ["day", "night"])
    annotation.ask_for(loop, "v0", IDS)
    return loop


def read(loop, use):
    with reading(*database(), loop.dataset.name) as drawings:
        return use(drawings)


def waiting(loop, which=FRESH):
    looked, names = read(loop, lambda d: (d.look(which), d.waiting(which)))
    assert looked.waiting == len(names)
    return names


def frames(loop, **more):
    return read(loop, lambda drawings: drawings.frames(FRESH, SIZES, **more))


def revision(loop):
    return TaskContent(0, "", "", "", frames(loop)).revision


DO = {
    "nothing": lambda loop: None,
    "tag off": lambda loop: untag(loop, ["s0"]),
    "annotated": lambda loop: set_status(loop, ["s0"], "annotated"),
    "both": lambda loop: (untag(loop, ["s0"]), set_status(loop, ["s0"], "annotated")),
    "taken up by tag": lambda loop: tag(loop, ["s0"]),
    "taken up by status": lambda loop: set_status(loop, ["s0"], "selected"),
}


@pytest.mark.parametrize(
    ("does", "waits"), [("nothing", True), ("tag off", False), ("annotated", False), ("both", False)]
)
def test_an_image_is_done_when_its_tag_is_gone_or_it_is_annotated(asked, does, waits):
    DO[does](asked)
    assert ("s0" in waiting(asked)) is waits


@pytest.mark.parametrize(
    ("does", "waits"), [("nothing", False), ("taken up by tag", True), ("taken up by status", True)]
)
def test_an_image_whose_labels_were_taken_is_taken_up_again_by_tag_or_status(asked, does, waits):
    annotation.settle(asked, IDS)
    assert waiting(asked, TAKEN) == []
    DO[does](asked)
    assert waiting(asked, TAKEN) == (["s0"] if waits else [])


def test_the_time_of_the_last_change_moves_with_whatever_people_do(asked):
    seen = [read(asked, lambda drawings: drawings.look(FRESH)).updated]
    for act in (lambda: draw(asked, "s0", BOX), lambda: untag(asked, ["s2"]), lambda: set_status(asked, ["s3"], "x")):
        act()
        seen.append(read(asked, lambda drawings: drawings.look(FRESH)).updated)
    draw(asked, "s4", BOX)  # of no batch
    assert read(asked, lambda drawings: drawings.look(FRESH)).updated == seen[-1]
    assert sorted(set(seen)) == seen
    assert len(seen) == 4


def test_boxes_are_read_in_pixels_and_in_the_order_of_the_batch(asked):
    draw(asked, "s0", BOX, tags=["night"])
    found = frames(asked)
    assert [(frame.frame, frame.name, frame.width, frame.height) for frame in found] == [
        (0, "s3", 640, 480), (1, "s0", 640, 480), (2, "s2", 640, 480),
    ]  # fmt: skip
    (shape,), (mark,) = found[1].shapes, found[1].tags
    assert (shape["type"], shape["label"], shape["points"]) == ("rectangle", "cat", [160.0, 240.0, 240.0, 360.0])
    assert (mark["label"], mark["source"], shape["source"]) == ("night", "fiftyone", "fiftyone")
    assert found[0].shapes == found[0].tags == ()


def test_the_revision_follows_what_people_draw_and_nothing_else(asked):
    draw(asked, "s0", BOX, ("dog", (0.5, 0.5, 0.1, 0.1)))
    before = revision(asked)
    draw(asked, "s0", ("dog", (0.5, 0.5, 0.1, 0.1)), BOX)
    view = asked.view_of(["s0"])
    view.set_values("human_labels.detections.eval_v0_iou", [[0.5, 0.6]], dynamic=True)
    view.tag_labels("seen", label_fields="human_labels")
    assert revision(asked) == before
    for other in ([], [("dog", BOX[1])], [("cat", (0.25, 0.5, 0.125, 0.26))]):
        draw(asked, "s0", ("dog", (0.5, 0.5, 0.1, 0.1)), *other)
        assert revision(asked) != before
    draw(asked, "s0", BOX, ("dog", (0.5, 0.5, 0.1, 0.1)), tags=["day"])
    assert revision(asked) != before


def test_what_was_read_is_put_back_number_for_number_masks_included(asked, fo):
    corners = np.random.default_rng(0).random((20, 4)).tolist()
    draw(asked, "s0", *[("cat", tuple(row)) for row in corners], tags=["day", "night"])
    sample = asked.view_of(["s2"]).first()
    sample["human_labels"] = fo.Detections(
        detections=[fo.Detection(label=None, bounding_box=[0, 0, 0.5, 0.5], mask=np.eye(4, dtype=bool))]
    )
    sample.save()
    kept, before = frames(asked), revision(asked)
    assert [shape["type"] for shape in kept[2].shapes] == ["mask"]
    for field in ("human_labels", "human_tags"):
        asked.dataset.clear_sample_field(field)
    assert revision(asked) != before
    annotation.draw(asked, kept)
    assert revision(asked) == before
    assert asked.view_of(["s2"]).first()["human_labels"].detections[0].mask.tolist() == np.eye(4, dtype=bool).tolist()


def test_images_that_were_made_anew_are_missed(asked):
    asked.dataset.delete_samples(asked.view_of(["s0"]))
    asked.view_of(["s2"]).untag_samples("batch:v0")
    for use in (lambda d: d.look(FRESH), lambda d: d.frames(FRESH, SIZES)):
        with pytest.raises(LabelError, match=r"2 of the 3 images of v0 .*labelloop rebuild"):
            read(asked, use)
    assert [frame.name for frame in frames(asked, some=True)] == ["s3"]


def test_a_data_set_that_is_not_there_is_none_and_a_database_that_is_silent_is_asked_later(asked):
    home, uri = database()
    with reading(home, uri, "no such data set") as drawings:
        assert drawings is None
    with (
        pytest.raises(DatabaseBusyError, match="does not answer"),
        reading(home, "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100", "any") as drawings,
    ):
        pass


def test_a_longer_class_list_is_offered_and_what_people_added_to_the_schema_stays(asked, fo):
    asked.dataset.add_sample_field("human_labels.detections.hidden", fo.BooleanField)
    attribute = {"name": "hidden", "type": "bool", "component": "toggle"}
    own = asked.dataset.label_schemas["human_labels"] | {"attributes": [attribute]}
    asked.dataset.update_label_schema("human_labels", own)
    annotation.offer_schema(asked, ["cat", "dog", "cow", "emu", "fox", "gnu"], [])
    schema = asked.dataset.label_schemas["human_labels"]
    assert schema["classes"] == ["cat", "dog", "cow", "emu", "fox", "gnu"]
    assert (schema["component"], schema["attributes"]) == ("dropdown", [attribute])
    assert asked.dataset.active_label_schemas == ["human_labels", "human_tags", "annotation_status"]


def test_the_app_draws_the_fields_that_people_edit_beside_those_it_drew(asked, fo):
    asked.dataset.app_config.active_fields = importlib.import_module("fiftyone.core.odm").ActiveFields(
        exclude=False, paths=["predictions_v0"]
    )
    asked.dataset.save()
    for _ in range(2):
        annotation.offer_schema(asked, ["cat"], ["day"])
    assert asked.dataset.app_config.active_fields.paths == ["predictions_v0", "human_labels", "human_tags"]


def test_asking_leaves_other_images_alone(asked):
    others = asked.view_of(["s1", "s4"])
    assert others.values("tags") == [[], []]
    assert set(others.values("annotation_status")) == {"unlabeled"}
    assert sorted(asked.dataset.load_saved_view("to_annotate").values("sample_id")) == sorted(IDS)
    set_status(asked, ["s0"], "annotated")
    assert sorted(asked.dataset.load_saved_view("to_annotate").values("sample_id")) == ["s2", "s3"]
