from dataclasses import replace

import pytest

from labelloop.core.annotation import AnnotatedFrame, TaskContent
from labelloop.core.errors import LabelError
from labelloop.core.task_diff import FrameDiff, diff, is_said_by, objects


def box(shape_id: int, *points: float, **more) -> dict:
    plain = {"id": shape_id, "type": "rectangle", "frame": 0, "label_id": 7, "label": "cat", "points": list(points)}
    return plain | more


def track(track_id: int, *frames: int) -> dict:
    shapes = [{"id": 9, "frame": frame, "points": [1, 2, 3, 4], "attributes": []} for frame in frames]
    return {"id": track_id, "frame": frames[0], "label_id": 7, "label": "cat", "shapes": shapes, "attributes": []}


def task(*frames: dict) -> TaskContent:
    empty = {"deleted": False, "shapes": (), "tags": (), "tracks": ()}
    made = (
        AnnotatedFrame(frame=number, name=f"{number}.png", width=9, height=9, job_id=1, **(empty | frame))
        for number, frame in enumerate(frames)
    )
    return TaskContent(3, "t", "Train", "http://cvat/tasks/3", tuple(made))


A, B = box(1, 1, 1, 5, 5), box(2, 2, 2, 6, 6)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ({"shapes": (A, B)}, {"shapes": (A, B)}, []),
        ({"shapes": (A, B)}, {"shapes": (B, A)}, []),
        ({"shapes": (A,)}, {"shapes": (box(8, 1.0, 1.0, 5.0, 5.0, rotation=0),)}, []),
        ({"shapes": (A,)}, {"shapes": (box(8, 1.0, 1.0, 5.0, 5.0, rotation=9),)}, ["1 added, 1 removed"]),
        ({"shapes": (A,)}, {"shapes": (box(1, 1.0, 1.0, 5.0, 5.0, label="dog"),)}, ["1 changed"]),
        ({"shapes": (A,)}, {"shapes": (box(8, 1.0, 1.0, 5.0, 5.0),)}, []),
        ({"shapes": (A,)}, {"shapes": (box(1, 1, 1, 5, 9),)}, ["1 changed"]),
        ({"shapes": (A, A)}, {"shapes": (A,)}, ["1 added"]),
        ({"shapes": ()}, {"shapes": (A, B)}, ["2 removed"]),
        ({"tags": (A,)}, {"shapes": (A,)}, ["1 added, 1 removed"]),
        ({"deleted": True}, {}, ["frame deleted"]),
        ({}, {"deleted": True, "shapes": (A,)}, ["1 removed, frame restored"]),
        ({"shapes": (box(1, 1, attributes=[{"spec_id": 1, "value": "x", "name": "n"}]),)},
         {"shapes": (box(1, 1, attributes=[{"spec_id": 8, "value": "x ", "name": "n"}]),)}, []),
        ({"shapes": (box(1, 1, attributes=[{"spec_id": 1, "value": "x", "name": "n"}]),)},
         {"shapes": (box(1, 1, attributes=[{"spec_id": 1, "value": "y", "name": "n"}]),)}, ["1 changed"]),
    ],
)  # fmt: skip
def test_what_writing_would_change_on_a_frame(ours, theirs, said):
    found = diff(task(ours), task(theirs))
    assert [each.told for each in found] == [f"frame 0 0.png: {each}" for each in said]
    assert is_said_by([task(ours)], task(theirs)) is (not said)


def test_a_track_is_counted_once_though_it_stands_on_every_keyframe():
    known = track(4, 0, 2)
    frames = [{"tracks": (known,)}, {}, {"tracks": (known,)}]
    assert diff(task(*frames), task({}, {}, {})) == [FrameDiff(0, "0.png", 1, 0, 0)]
    assert [len(objects(frame)["tracks"]) for frame in task(*frames).frames] == [1, 0, 0]


def test_tasks_of_other_frames_are_not_compared():
    with pytest.raises(LabelError, match="task 3 here are of other frames"):
        diff(task({}, {}), task({}))
    assert not is_said_by([task({}, {}), replace(task({}), task_id=4)], task({}))


def test_what_is_drawn_and_what_is_deleted_may_be_said_by_different_versions():
    before, after = task({"shapes": (A,)}), task({"shapes": (B,), "deleted": True})
    assert is_said_by([before, after], task({"shapes": (A,), "deleted": True}))
    assert not is_said_by([before], task({"shapes": (A,), "deleted": True}))
    assert not is_said_by([before, after], task({"shapes": (A, B)}))


def test_an_attribute_that_was_added_in_cvat_is_no_difference_but_may_hold_what_nobody_else_has():
    new = box(1, 1, 1, 5, 5, attributes=[{"spec_id": 1, "value": "x", "name": "n"}])
    assert diff(task({"shapes": (A,)}), task({"shapes": (new,)})) == []
    assert not is_said_by([task({"shapes": (A,)})], task({"shapes": (new,)}))
