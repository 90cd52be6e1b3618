"""Tolerances: a millionth of a pixel, or a billionth of the number; corners of upright rectangles in order."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from labelloop.core.annotation import AnnotatedFrame, TaskContent
from labelloop.core.edited import edited
from labelloop.core.errors import LabelError
from labelloop.core.masks import pixels_of
from labelloop.core.redrawn import raw_shapes, same
from labelloop.core.shape_labels import ShapeLabel, look_of, shape_labels
from labelloop.core.vocabulary import Field
from labelloop_tests.core.builders import frame, shape, task
from labelloop_tests.drawings import FRAMES, contents, shapes

EFFORT = {"deadline": None, "derandomize": True, "database": None}
NAMES = {f"{number}.jpg": f"s{number}" for number in range(FRAMES)}


def as_content(drawn: dict[str, Any]) -> TaskContent:
    """What people drew, as `pull.content` gives it."""
    numbers = iter(range(1, 10_000))

    def numbered(item: dict[str, Any]) -> dict[str, Any]:
        nested = {key: [numbered(part) for part in item[key]] for key in ("shapes", "elements") if key in item}
        return {"id": next(numbers), **item, **nested}

    items = {kind: [numbered(item) for item in drawn[kind]] for kind in ("shapes", "tags", "tracks")}

    def on(number: int) -> AnnotatedFrame:
        still = {kind: tuple(each for each in items[kind] if each["frame"] == number) for kind in ("shapes", "tags")}
        tracks = sorted(items["tracks"], key=lambda each: (each["frame"], each["id"]))
        moving = [each for each in tracks if any(key["frame"] == number for key in each["shapes"])]
        deleted = number in drawn["deleted"]
        return AnnotatedFrame(number, f"{number}.jpg", 640, 480, deleted, 7, **still, tracks=tuple(moving))

    return TaskContent(1, "drawn", "", "http://cvat/tasks/1", tuple(map(on, range(FRAMES))))


def ordered(points):
    x1, y1, x2, y2 = points
    return [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]


@effort(max_examples=100, **EFFORT)
@given(drawn=shapes())
def test_a_shape_is_drawn_again_from_its_label_alone(drawn):
    place = frame(drawn["frame"], "0.jpg")
    label = look_of(drawn, place)
    if label is None:
        assert drawn["outside"] or all(part["outside"] for part in drawn["elements"])
        return
    [again] = raw_shapes(label, place)
    if drawn["type"] == "skeleton":
        assert again["points"] == pytest.approx(
            [value for part in drawn["elements"] if not part["outside"] for value in part["points"]], rel=1e-9, abs=1e-6
        )
        return
    assert {**again, "points": None, "attributes": None} == {**drawn, "points": None, "attributes": None} | {
        "group": drawn["group"] or None
    }
    assert [(said["name"], said["value"]) for said in again["attributes"]] == [
        (said["name"], said["value"]) for said in drawn["attributes"]
    ]
    points = drawn["points"]
    if drawn["type"] == "mask":
        assert pixels(again["points"]) == pixels(points)
        return
    if drawn["type"] == "rectangle" and not drawn["rotation"] % 360.0:
        points = ordered(points)
    tolerance = max(1e-6, 1e-9 * float(np.abs(points).max()))
    np.testing.assert_allclose(again["points"], points, rtol=0, atol=tolerance)


def pixels(points):
    *runs, left, top, right, bottom = (int(value) for value in points)
    return left, top, pixels_of(runs, right - left + 1, bottom - top + 1).tolist()


@effort(max_examples=25, **EFFORT)
@given(drawn=contents())
def test_labels_that_nobody_changed_leave_the_content_as_it_came(drawn):
    content = as_content(drawn)
    shown = shape_labels([content], NAMES)
    assert asdict(edited(content, NAMES, shown, shown)) == asdict(content)


def moved(label: ShapeLabel, by: float) -> ShapeLabel:
    rings = tuple(ring + by for ring in label.rings)
    return replace(label, rings=rings, box=tuple(np.add(label.box, [by, by, 0, 0])) if label.box else ())


def is_alike(one: ShapeLabel, other: ShapeLabel) -> bool:
    """The same to within the tolerances; numbers of the server aside."""
    if one.shown_in != other.shown_in or len(one.rings) != len(other.rings) or len(one.box) != len(other.box):
        return False
    largest = max([1.0, *(float(np.nanmax(np.abs(ring))) for ring in (*one.rings, *map(np.asarray, [one.box or [0]])))])
    pairs = [*zip(one.rings, other.rings, strict=True), (np.asarray(one.box), np.asarray(other.box))]
    close = all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=0, atol=1e-6 * largest, equal_nan=True) for a, b in pairs
    )
    return close and same(replace(one, rings=(), box=()), replace(other, rings=(), box=()))


@effort(max_examples=25, **EFFORT)
@given(drawn=contents(), data=st.data())
def test_what_people_left_is_what_is_shown_then(drawn, data):
    """Moved by whole pixels of a mask's image, deleted, or left alone; tracks as well, on any of their frames."""
    content = as_content(drawn)
    shown = shape_labels([content], NAMES)
    left = []
    for label in shown:
        what = data.draw(st.sampled_from(["left", "moved", "gone"]))
        # By 160 and 120 pixels: a mask lies on whole ones.
        left += [] if what == "gone" else [moved(label, 0.25) if what == "moved" else label]
    after = edited(content, NAMES, shown, left)
    found = shape_labels([after], NAMES)
    assert len(found) == len(left)
    for label in left:
        assert any(label.sample_id == each.sample_id and is_alike(label, each) for each in found)
    again = shape_labels([edited(after, NAMES, found, found)], NAMES)
    assert len(again) == len(found)


POLYGON = shape(5, type="polygon", points=[64.0, 48.0, 128.0, 48.0, 128.0, 96.0])


def with_labels(content, change):
    shown = shape_labels([content], {"0.jpg": "s0", "1.jpg": "s1"})
    return edited(content, {"0.jpg": "s0", "1.jpg": "s1"}, shown, change(shown))


def test_a_changed_label_keeps_the_number_of_its_shape_and_those_of_its_attributes():
    said = [{"spec_id": 4, "name": "hue", "value": "red"}]
    content = task(frame(0, "0.jpg", {**POLYGON, "attributes": said, "label_id": 3}))
    changed = with_labels(content, lambda shown: [replace(shown[0], label="dog", said={"hue": "blue", "new": "x"})])
    [found] = changed.frames[0].shapes
    assert (found["id"], found["label_id"], found["label"]) == (5, 3, "dog")
    assert found["attributes"] == [
        {"spec_id": 4, "name": "hue", "value": "blue"}, {"name": "new", "value": "x"},
    ]  # fmt: skip


def test_a_label_that_people_drew_becomes_a_shape_with_a_number_of_its_own():
    ring = np.array([[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]])
    drawn = ShapeLabel("s1", Field.HUMAN_POLYLINES, "cat", rings=(ring, ring), closed=True)
    tag = ShapeLabel("s1", Field.HUMAN_CLASSIFICATIONS, "night")
    changed = with_labels(task(frame(0, "0.jpg", POLYGON), frame(1, "1.jpg")), lambda shown: [*shown, drawn, tag])
    assert [(each["id"], each["type"], each["frame"]) for each in changed.frames[1].shapes] == [
        (6, "polygon", 1), (7, "polygon", 1),
    ]  # fmt: skip
    assert changed.frames[1].shapes[0]["points"] == pytest.approx([64, 48, 128, 48, 128, 96])
    assert [(each["label"], each["frame"]) for each in changed.frames[1].tags] == [("night", 1)]
    assert changed.frames[0].shapes == (POLYGON,)


def test_a_box_that_is_shown_elsewhere_and_images_that_were_not_shown_are_left_alone():
    content = task(frame(0, "0.jpg", shape(1), POLYGON), frame(1, "1.jpg", POLYGON))
    names = {"0.jpg": "s0", "1.jpg": "s1"}
    shown = [each for each in shape_labels([content], names, {(1, "rectangle", 1)}) if each.sample_id == "s0"]
    changed = edited(content, names, shown, [])
    assert [[each["id"] for each in one.shapes] for one in changed.frames] == [[1], [5]]


def test_a_moved_box_of_a_track_is_a_keyframe_and_its_neighbours_stay_where_they_were():
    keys = [{"frame": at, "type": "rectangle", "points": [0, 0, 64 + 64 * at, 48], "id": at} for at in (0, 3)]
    track = {"id": 8, "label": "cat", "frame": 0, "shapes": keys, "elements": [], "attributes": []}
    frames = [frame(number, f"{number}.jpg", tracks=[track] if number in (0, 3) else []) for number in range(FRAMES)]
    content = task(*frames)
    shown = shape_labels([content], NAMES)
    left = [replace(each, box=(0.5, 0.5, 0.1, 0.1)) if each.sample_id == "s1" else each for each in shown]
    changed = edited(content, NAMES, shown, left).frames
    assert [len(each.tracks) for each in changed] == [1, 1, 1, 1]
    points = [key["points"] for key in changed[0].tracks[0]["shapes"]]
    np.testing.assert_allclose(points, [[0, 0, 64, 48], [320, 240, 384, 288], [0, 0, 192, 48], [0, 0, 256, 48]])
    assert [key.get("id") for key in changed[0].tracks[0]["shapes"]] == [0, None, None, 3]


def test_a_box_of_a_track_that_was_bent_into_something_else_is_refused():
    key = {"frame": 0, "type": "ellipse", "points": [50, 60, 80, 20], "id": 1}
    track = {"id": 8, "label": "cat", "frame": 0, "shapes": [key], "elements": [], "attributes": []}
    content = task(frame(0, "0.jpg", tracks=[track]))
    with pytest.raises(LabelError, match="another type"):
        with_labels(content, lambda shown: [replace(shown[0], rings=(shown[0].rings[0][:4],))])


def test_a_skeleton_keeps_its_parts_and_one_without_a_place_is_outside():
    parts = [{"type": "points", "label": name, "points": [64.0, 48.0], "outside": False, "id": 3} for name in "ab"]
    content = task(frame(0, "0.jpg", shape(1, type="skeleton", points=[], elements=parts)))
    ring = np.array([[0.5, 0.5], [np.nan, np.nan]])
    [found] = with_labels(content, lambda shown: [replace(shown[0], rings=(ring,))]).frames[0].shapes
    assert found["elements"] == [{**parts[0], "points": [320.0, 240.0]}, {**parts[1], "outside": True}]
    with pytest.raises(LabelError, match="has 1 points now, and 2 parts"):
        with_labels(content, lambda shown: [replace(shown[0], rings=(ring[:1],))])
