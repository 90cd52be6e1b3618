import json
from dataclasses import replace

import pandas as pd
import pytest

from labelloop.core.errors import LabelError
from labelloop.core.label_version import BOX_COLUMNS, LabelVersion, project
from labelloop.core.schema import Schema
from labelloop.core.vocabulary import Quarantine
from labelloop_tests.core.builders import frame, shape, task

SCHEMA = Schema.first(["cat", "dog"])
NAMES = {"one.jpg": "s1", "two.jpg": "s2", "three.jpg": "s3"}
ONE, TWO, THREE = NAMES


def version_of(*frames, schema=SCHEMA):
    return project([task(*frames)], NAMES, schema)


def census(version):
    return {row[0]: tuple(row[1:]) for row in version.census.itertuples(index=False, name=None)}


def track(number, label="dog", *, last=9):
    """A track that is seen from frame 0 to `last`."""
    keyframe = {"frame": 0, "type": "rectangle", "points": [1.0, 2.0, 30.0, 40.0]}
    return {
        "id": number, "label": label, "frame": 0, "shapes": [keyframe, {**keyframe, "frame": last + 1, "outside": True}]
    }  # fmt: skip


def tag(number, label="cat"):
    return {"id": number, "label": label, "frame": 0}


def test_no_tasks_are_an_empty_version():
    version = project([], {}, SCHEMA)
    assert version.boxes.columns.tolist() == list(BOX_COLUMNS)
    assert (version.reviewed, version.removed, version.incomplete) == ((), (), ())
    assert (len(version.boxes), len(version.quarantined), len(version.census)) == (0, 0, 0)
    assert version.bad_box_share == 0.0


def test_a_rectangle_becomes_a_box_that_knows_where_it_came_from():
    version = version_of(frame(0, ONE, shape(5, "dog", (10.5, 20.25, 50, 40), source="auto")))
    assert version.boxes.to_dict("records") == [
        {
            "sample_id": "s1", "label": "dog", "x1": 10.5, "y1": 20.25, "x2": 50.0, "y2": 40.0,
            "task_id": 1, "job_id": 7, "frame": 0, "shape_id": 5, "source": "auto",
        }
    ]  # fmt: skip
    assert census(version) == {"rectangle": (1, 1, 0, 0, 0)}


def test_an_image_that_people_found_empty_is_reviewed():
    """Defect (e) of the published guides: an image without a box never counts as annotated."""
    version = version_of(frame(0, ONE), frame(1, TWO, shape(1)))
    assert version.reviewed == ("s1", "s2")
    assert version.boxes["sample_id"].tolist() == ["s2"]


def test_a_deleted_frame_is_removed_with_all_that_is_on_it():
    version = version_of(frame(0, ONE, shape(1), shape(2, type="mask"), tags=[tag(3)], deleted=True), frame(1, TWO))
    assert (version.reviewed, version.removed) == (("s2",), ("s1",))
    assert len(version.boxes) == len(version.quarantined) == 0
    assert census(version) == {
        "mask": (1, 0, 0, 0, 1), "rectangle": (1, 0, 0, 0, 1), "tag": (1, 0, 0, 0, 1),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("drawn", "reason"),
    [
        (shape(1, "zebra"), Quarantine.UNKNOWN_CLASS),
        (shape(1, "Cat"), Quarantine.UNKNOWN_CLASS),
        (shape(1, "zebra", type="polygon"), Quarantine.UNKNOWN_CLASS),
        (shape(1, type="mask", points=[0.0, 5.0, 0.0, 10.0, 10.0, 11.0, 11.0]), Quarantine.UNSUPPORTED_SHAPE),
        (shape(1, type="skeleton", points=[]), Quarantine.UNSUPPORTED_SHAPE),
        (shape(1, type="hexagon"), Quarantine.UNSUPPORTED_SHAPE),
        (shape(1, outside=True), Quarantine.UNSUPPORTED_SHAPE),
        (shape(1, type="polygon", outside=True), Quarantine.UNSUPPORTED_SHAPE),
        (shape(1, points=(10, 10, 10, 40)), Quarantine.DEGENERATE),
        (shape(1, points=(-5, 10, 700, 40)), Quarantine.OUT_OF_FRAME),
    ],
)
def test_what_cannot_become_a_box_is_set_aside_with_its_reason(drawn, reason):
    version = version_of(frame(4, ONE, drawn))
    assert version.boxes.empty
    assert version.quarantined.to_dict("records") == [
        {
            "sample_id": "s1", "task_id": 1, "frame": 4, "shape_id": 1, "label": drawn["label"],
            "type": drawn["type"], "reason": str(reason),
        }
    ]  # fmt: skip
    assert census(version) == {drawn["type"]: (1, 0, 0, 1, 0)}
    assert version.reviewed == ("s1",)


@pytest.mark.parametrize(
    "drawn",
    [
        shape(1, type="polygon", points=[1, 1, 9, 1, 9, 9]),
        shape(1, type="polyline"),
        shape(1, type="points"),
        shape(1, type="ellipse"),
        shape(1, type="cuboid", points=list(range(16))),
        shape(1, type="mask", points=[0.0, 4.0, 0.0, 10.0, 10.0, 11.0, 11.0]),
        shape(1, rotation=30.0),
        shape(1, type="skeleton", points=[], elements=[{"type": "points", "points": [1.0, 2.0], "label": "head"}]),
    ],
    ids=lambda drawn: drawn["type"],
)
def test_what_is_no_box_is_shown_counted_as_such_and_keeps_its_image_out_of_training(drawn):
    version = version_of(frame(4, ONE, drawn))
    assert version.boxes.empty
    assert version.quarantined.empty
    assert version.shapes.to_dict("records") == [
        {"sample_id": "s1", "task_id": 1, "frame": 4, "shape_id": 1, "label": "cat", "type": drawn["type"]}
    ]
    assert census(version) == {drawn["type"]: (1, 0, 1, 0, 0)}
    assert version.incomplete == ("s1",)


def test_a_track_that_is_never_seen_is_set_aside():
    gone = track(8)
    gone["shapes"][0]["outside"] = True
    version = version_of(frame(0, ONE, tracks=[gone]), frame(1, TWO))
    assert census(version) == {"track": (1, 0, 0, 1, 0)}
    assert version.quarantined["reason"].tolist() == [str(Quarantine.UNSUPPORTED_SHAPE)]
    assert version.incomplete == ("s1",)


@pytest.mark.parametrize("rotation", [0.0, 360.0, -360.0])
def test_a_whole_turn_is_no_rotation(rotation):
    assert len(version_of(frame(0, ONE, shape(1, rotation=rotation))).boxes) == 1


def test_of_a_box_drawn_twice_the_first_is_kept():
    version = version_of(frame(0, ONE, shape(9), shape(4)))
    assert version.boxes["shape_id"].tolist() == [4]
    assert version.quarantined[["shape_id", "reason"]].to_numpy().tolist() == [[9, str(Quarantine.DUPLICATE)]]


def test_corners_are_put_in_order_and_a_pixel_of_overreach_is_clipped():
    version = version_of(frame(0, ONE, shape(1, points=(640.8, 480.5, 600.0, -0.7))))
    assert version.boxes[["x1", "y1", "x2", "y2"]].to_numpy().tolist() == [[600.0, 0.0, 640.0, 480.0]]


def test_no_image_on_which_a_track_runs_is_trained_as_if_its_object_were_not_there():
    version = version_of(frame(0, ONE, tracks=[track(8, last=1)]), frame(1, TWO), frame(2, THREE))
    assert version.incomplete == ("s1", "s2")


def test_a_track_whose_keyframes_are_all_deleted_is_shown_where_it_goes_on():
    version = version_of(frame(0, ONE, tracks=[track(8)], deleted=True), frame(1, TWO))
    assert census(version) == {"track": (1, 0, 1, 0, 0)}
    assert version.incomplete == ("s2",)


def test_a_track_counts_once_however_many_frames_it_has():
    version = version_of(frame(0, ONE, tracks=[track(8)]), frame(1, TWO, tracks=[track(8), track(9)]))
    assert census(version) == {"track": (2, 0, 2, 0, 0)}
    assert version.shapes["sample_id"].tolist() == ["s1", "s1", "s2", "s2"]


def test_a_track_is_only_removed_when_all_its_frames_are():
    ended = track(8, last=0)
    gone, half = frame(0, ONE, tracks=[ended, track(9)], deleted=True), frame(1, TWO, tracks=[track(9)])
    assert census(version_of(gone, half)) == {"track": (2, 0, 1, 0, 1)}


def test_tracks_of_two_tasks_may_have_the_same_id():
    contents = [task(frame(0, ONE, tracks=[track(8)])), task(frame(0, TWO, tracks=[track(8)]), task_id=2)]
    assert census(project(contents, NAMES, SCHEMA)) == {"track": (2, 0, 2, 0, 0)}


def test_an_image_with_something_that_could_not_be_stored_is_incomplete():
    version = version_of(
        frame(0, ONE, shape(1), shape(2, type="polygon")),
        frame(1, TWO, shape(3), tags=[tag(4)]),
        frame(2, THREE, shape(5), shape(6)),
    )
    assert version.incomplete == ("s1",)  # a tag is no object, and a box drawn twice is there once


def test_the_share_of_bad_boxes_is_that_of_boxes_alone():
    good = [shape(number, points=(40 * number, 10, 40 * number + 30, 40)) for number in range(9)]
    version = version_of(frame(0, ONE, *good, shape(20, points=(5, 5, 5, 9)), shape(21, type="polygon")))
    assert version.bad_box_share == 0.1


def test_frames_that_belong_to_no_sample_are_named():
    with pytest.raises(LabelError, match=r"2 frames belong to no sample: x.jpg \(task 1\), y.jpg \(task 1\)"):
        version_of(frame(0, ONE), frame(1, "x.jpg"), frame(2, "y.jpg"))


def test_a_sample_labelled_on_two_frames_is_refused():
    contents = [task(frame(0, ONE, shape(1))), task(frame(3, ONE, shape(2)), task_id=2)]
    with pytest.raises(LabelError, match="1 samples have two frames each: s1"):
        project(contents, NAMES, SCHEMA)


def test_a_frame_deleted_and_drawn_elsewhere_again_is_reviewed():
    contents = [task(frame(0, ONE, shape(1), deleted=True)), task(frame(0, ONE, shape(2)), task_id=2)]
    version = project(contents, NAMES, SCHEMA)
    assert (version.reviewed, version.removed) == (("s1",), ())
    assert census(version) == {"rectangle": (2, 1, 0, 0, 1)}


def test_a_lost_shape_is_an_error():
    version = version_of(frame(0, ONE, shape(1)))
    with pytest.raises(LabelError, match="Shapes were lost on the way"):
        replace(version, census=version.census.assign(stored=0))


def mixed():
    return [
        task(
            frame(0, ONE, shape(1), shape(2, "dog", (100, 100, 200, 300)), shape(3, "zebra"), tags=[tag(1)]),
            frame(1, TWO, shape(4, type="ellipse"), tracks=[track(1)], deleted=True),
        ),
        task(frame(0, THREE, shape(1), shape(2, points=(3, 3, 3, 3)), tracks=[track(1)], job_id=None), task_id=2),
    ]


def test_every_shape_is_accounted_for_by_type():
    assert census(project(mixed(), NAMES, SCHEMA)) == {
        "ellipse": (1, 0, 0, 0, 1), "rectangle": (5, 3, 0, 2, 0), "tag": (1, 0, 1, 0, 0), "track": (2, 0, 2, 0, 0)
    }  # fmt: skip


@pytest.mark.parametrize("contents", [[], [task()], mixed()], ids=["no task", "no frame", "mixed"])
def test_a_label_version_comes_back_from_json(contents):
    version = project(contents, NAMES, SCHEMA)
    text = json.dumps(version.to_dict(), allow_nan=False)
    again = LabelVersion.from_dict(json.loads(text))
    for name in ("boxes", "quarantined", "census", "shapes"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(version, name))
    assert (again.reviewed, again.removed) == (version.reviewed, version.removed)
    assert again.to_dict() == version.to_dict()


def test_a_label_version_of_before_shapes_were_shown_is_still_read():
    plain = project([task(frame(0, ONE, shape(1)))], NAMES, SCHEMA).to_dict()
    del plain["shapes"], plain["census"][0]["shown"]
    again = LabelVersion.from_dict(plain)
    assert census(again) == {"rectangle": (1, 1, 0, 0, 0)}
    assert again.shapes.empty


def test_a_label_version_does_not_depend_on_the_order_of_tasks_frames_and_shapes():
    turned = [
        replace(content, frames=tuple(replace(each, shapes=each.shapes[::-1]) for each in content.frames[::-1]))
        for content in mixed()[::-1]
    ]
    assert project(turned, NAMES, SCHEMA).to_dict() == project(mixed(), NAMES, SCHEMA).to_dict()


def test_a_label_version_names_the_classes_people_could_choose_from():
    """An image labelled before a class was appended says nothing about that class."""
    assert version_of(frame(0, ONE)).schema_version == 1
    assert version_of(frame(0, ONE), schema=SCHEMA.extend(["cat", "dog", "zebra"])).schema_version == 2


def test_a_tag_of_an_image_class_is_stored_and_any_other_is_set_aside():
    drawn = [frame(0, ONE, shape(1), tags=[tag(2, "night"), tag(3, "cat"), tag(4, "fog")])]
    version = project([task(*drawn)], NAMES, SCHEMA, image_classes=["night", "day"])
    assert version.tags[["sample_id", "label", "shape_id"]].to_numpy().tolist() == [["s1", "night", 2]]
    assert version.quarantined[["label", "reason"]].to_numpy().tolist() == [["fog", Quarantine.UNKNOWN_CLASS]]
    assert version.shapes[["label", "type"]].to_numpy().tolist() == [["cat", "tag"]]
    assert census(version)["tag"] == (3, 1, 1, 1, 0)
    assert version.incomplete == ()
    back = LabelVersion.from_dict(json.loads(json.dumps(version.to_dict())))
    pd.testing.assert_frame_equal(back.tags, version.tags)


def test_tags_of_a_deleted_frame_go_with_it():
    version = project(
        [task(frame(0, ONE, tags=[tag(1, "night")], deleted=True))], NAMES, SCHEMA, image_classes=["night"]
    )
    assert version.tags.empty
    assert census(version)["tag"] == (1, 0, 0, 0, 1)


def test_an_image_on_two_frames_of_a_task_counts_on_the_first_and_what_is_on_the_second_is_set_aside():
    again, whole = "s1 again.jpg", shape(9, "cat", points=(1, 1, 30, 30))
    keyframe = {"id": 30, "type": "rectangle", "points": [3, 3, 40, 40], "outside": False, "frame": 2}
    track = {"id": 8, "label": "cat", "frame": 2, "shapes": [keyframe], "attributes": []}
    tag = {"id": 7, "label": "cat", "frame": 1, "attributes": []}
    contents = [
        task(
            frame(0, ONE, shape(1)),
            frame(1, TWO, whole),
            frame(2, again, shape(1), shape(2, type="polygon"), tags=[tag], tracks=[track]),
        )
    ]
    version = project(contents, {**NAMES, again: "s1"}, SCHEMA, image_classes=["cat"])
    assert list(version.boxes["shape_id"]) == [1, 9]
    assert version.reviewed == ("s1", "s2")
    assert version.tags.empty
    assert version.shapes.empty
    assert set(version.quarantined["reason"]) == {"image that an earlier frame of its task shows as well"}
    assert list(version.quarantined["type"]) == ["polygon", "rectangle", "tag", "track"]
    assert set(version.quarantined["frame"]) == {2}
    assert version.incomplete == ("s1",)
    assert census(version) == {
        "rectangle": (3, 2, 0, 1, 0), "polygon": (1, 0, 0, 1, 0), "tag": (1, 0, 0, 1, 0), "track": (1, 0, 0, 1, 0)
    }  # fmt: skip


def test_where_the_first_of_two_frames_is_deleted_the_other_counts():
    again = "s1 again.jpg"
    contents = [task(frame(0, ONE, shape(1), deleted=True), frame(1, again, shape(2)))]
    version = project(contents, {**NAMES, again: "s1"}, SCHEMA)
    assert list(version.boxes["shape_id"]) == [2]
    assert (version.reviewed, version.removed) == (("s1",), ())


def test_a_track_that_goes_over_both_frames_of_an_image_is_shown_on_the_first():
    again = "s1 again.jpg"
    keyframe = {"id": 30, "type": "rectangle", "points": [3, 3, 40, 40], "outside": False, "frame": 0}
    track = {"id": 8, "label": "cat", "frame": 0, "shapes": [keyframe], "attributes": []}
    contents = [task(frame(0, ONE, tracks=[track]), frame(1, again), frame(2, TWO))]
    version = project(contents, {**NAMES, again: "s1"}, SCHEMA)
    assert list(version.shapes["frame"]) == [0, 2]
    assert version.quarantined.empty
