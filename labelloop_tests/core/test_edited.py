"""Tolerances: a millionth of a pixel, or a billionth of the number; corners of upright rectangles in order."""

import itertools
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from labelloop.core.annotation import AnnotatedFrame, TaskContent
from labelloop.core.edited import Shown, edited
from labelloop.core.errors import LabelError
from labelloop.core.masks import pixels_of
from labelloop.core.redrawn import raw_shapes, same
from labelloop.core.shape_labels import ShapeLabel, look_of, shape_labels
from labelloop.core.task_labels import AttributeThere, LabelThere, TaskLabels
from labelloop.core.vocabulary import Field
from labelloop_tests.core.builders import frame, shape, task
from labelloop_tests.drawings import FRAMES, contents, shapes

EFFORT = {"deadline": None, "derandomize": True, "database": None}
NAMES = {f"{number}.jpg": f"s{number}" for number in range(FRAMES)}


HUE = AttributeThere(4, "hue", "select", ("red", "blue"), "red")
TEXT = AttributeThere(5, "note", "text", (), "?")
THERE = TaskLabels.of(
    [
        LabelThere(3, "cat", attributes={"hue": HUE, "note": TEXT}), LabelThere(8, "dog", attributes={"hue": HUE}),
        LabelThere(9, "night", "tag"), LabelThere(10, "thing"), LabelThere(11, "Ünï & co"), LabelThere(12, "body"),
    ],
    [], lambda name: name,
)  # fmt: skip


def left_so(content, shown, left, on=None, names=None):
    """The content after people left these labels on the images that were shown."""
    names = names or NAMES
    there = TaskLabels.of(list(THERE.by_shown.values()), [content], lambda name: name)
    seen = Shown(set(names.values()) if on is None else on, shown, left)
    return edited(content, names, seen, there, itertools.count(1000))


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
    assert asdict(left_so(content, shown, shown)) == asdict(content)


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
    try:
        after = left_so(content, shown, left)
    except LabelError:  # far out, where a thousandth of a pixel cannot be told any more
        assume(condition=False)
    found = shape_labels([after], NAMES)
    assert len(found) == len(left)
    for label in left:
        assert any(label.sample_id == each.sample_id and is_alike(label, each) for each in found)
    assert left_so(after, found, found) == after


POLYGON = shape(5, type="polygon", points=[64.0, 48.0, 128.0, 48.0, 128.0, 96.0])


TWO = {"0.jpg": "s0", "1.jpg": "s1"}


def with_labels(content, change):
    shown = shape_labels([content], TWO)
    return left_so(content, shown, change(shown), names=TWO)


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0)])
def test_of_two_frames_of_an_image_the_first_is_edited_as_it_alone_is_shown(numbers):
    names = {"0.jpg": "s0", "1.jpg": "s0"}
    content = task(*(frame(number, f"{number}.jpg", {**POLYGON, "id": number + 5}) for number in numbers))
    [shown] = shape_labels([content], names)
    new = replace(shown, about={"source": "manual"}, rings=(shown.rings[0] / 2,))
    edited_one = left_so(content, [shown], [moved(shown, 0.1), new], names=names)
    first, second = sorted(edited_one.frames, key=lambda each: each.frame)
    assert (len(first.shapes), first.shapes[0]["points"] != POLYGON["points"]) == (2, True)
    assert second == next(each for each in content.frames if each.frame == 1)
    assert left_so(content, [shown], [], names=names).frames[numbers.index(0)].shapes == ()


def test_what_is_another_on_a_label_is_another_on_its_shape_and_nothing_else():
    said = [{"spec_id": 4, "name": "hue", "value": "red"}]
    was = {**POLYGON, "attributes": said, "label_id": 3, "points": [64.123456789, 48.0, 128.0, 48.0, 128.0, 96.0]}
    content = task(frame(0, "0.jpg", was))
    changed = with_labels(content, lambda shown: [replace(shown[0], said={"hue": "blue", "note": "x"})])
    assert changed.frames[0].shapes == (
        {**was, "attributes": [{**said[0], "value": "blue"}, {"spec_id": 5, "name": "note", "value": "x"}]},
    )
    about = {"occluded": True, "z_order": 3, "group": 2}
    changed = with_labels(content, lambda shown: [replace(shown[0], about={**shown[0].about, **about})])
    assert changed.frames[0].shapes == ({**was, **about},)


def test_another_class_takes_along_what_its_label_can_say():
    said = [{"spec_id": 4, "name": "hue", "value": "blue"}, {"spec_id": 5, "name": "note", "value": "x"}]
    content = task(frame(0, "0.jpg", {**POLYGON, "attributes": said, "label_id": 3}))
    changed = with_labels(content, lambda shown: [replace(shown[0], label="dog")])
    assert changed.frames[0].shapes == (
        {**POLYGON, "label": "dog", "label_id": 8, "attributes": [{"spec_id": 4, "name": "hue", "value": "blue"}]},
    )
    assert changed.revision != content.revision


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"label": "horse"}, "has no label 'horse'"),
        ({"label": "night"}, "takes tag alone, not polygon"),
        ({"said": {"hue": "green"}}, "does not take 'green'"),
        ({"said": {"size": "1"}}, "has no attribute 'size'"),
        ({"rings": (np.array([[0.1, 0.1], [0.2, 0.2]]),), "closed": False}, "is no polygon any more"),
    ],
)
def test_what_a_shape_cannot_be_is_refused_with_its_sample(change, match):
    content = task(frame(0, "0.jpg", {**POLYGON, "label_id": 3}))
    with pytest.raises(LabelError, match=rf"\(polygon 5\) on sample s0.*{match}"):
        with_labels(content, lambda shown: [replace(shown[0], **change)])


def test_an_attribute_that_was_taken_off_is_refused():
    """CVAT would keep its value, and the next take bring it back."""
    said = [{"spec_id": 4, "name": "hue", "value": "red"}, {"spec_id": 5, "name": "note", "value": "x"}]
    content = task(frame(0, "0.jpg", {**POLYGON, "attributes": said, "label_id": 3}))
    with pytest.raises(LabelError, match=r"on sample s0 says nothing of note any more"):
        with_labels(content, lambda shown: [replace(shown[0], said={"hue": "red"})])


def test_a_class_that_was_renamed_here_is_the_label_that_the_task_calls_otherwise():
    there = TaskLabels.of([LabelThere(3, "kitten")], [], lambda name: {"kitten": "cat"}.get(name, name))
    content = task(frame(0, "0.jpg", {**POLYGON, "label": "kitten", "label_id": 3}))
    shown = [replace(each, label="cat") for each in shape_labels([content], TWO)]
    new = ShapeLabel("s0", Field.HUMAN_LABELS, "cat", box=(0.1, 0.1, 0.2, 0.2))
    moved_ring = replace(shown[0], rings=(shown[0].rings[0] + 0.1,))
    found = edited(content, TWO, Shown({"s0"}, shown, [moved_ring, new]), there, itertools.count(1000))
    assert [(each["label"], each["label_id"]) for each in found.frames[0].shapes] == [("kitten", 3), ("kitten", 3)]


def test_a_label_that_the_server_renamed_is_found_by_its_number():
    content = task(frame(0, "0.jpg", {**POLYGON, "label_id": 3}))
    there = TaskLabels.of([LabelThere(3, "feline")], [content], lambda name: name)
    assert there.find("cat", "polygon", "").name == "feline"


def test_a_label_that_people_drew_becomes_a_shape_with_a_number_of_its_own():
    ring = np.array([[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]])
    drawn = ShapeLabel("s1", Field.HUMAN_POLYLINES, "cat", rings=(ring,), closed=True)
    tag = ShapeLabel("s1", Field.HUMAN_CLASSIFICATIONS, "night")
    changed = with_labels(task(frame(0, "0.jpg", POLYGON), frame(1, "1.jpg")), lambda shown: [*shown, drawn, tag])
    [found] = changed.frames[1].shapes
    assert (found["id"], found["type"], found["frame"], found["label_id"]) == (1000, "polygon", 1, 3)
    assert found["points"] == pytest.approx([64, 48, 128, 48, 128, 96])
    assert [(value["name"], value["value"]) for value in found["attributes"]] == [("hue", "red"), ("note", "?")]
    assert [(each["id"], each["label"], each["frame"]) for each in changed.frames[1].tags] == [(1001, "night", 1)]
    assert changed.frames[0].shapes == (POLYGON,)


def test_a_box_that_is_shown_elsewhere_and_images_that_were_not_shown_are_left_alone():
    content = task(frame(0, "0.jpg", shape(1), POLYGON), frame(1, "1.jpg", POLYGON))
    shown = [each for each in shape_labels([content], TWO, {(1, "rectangle", 1)}) if each.sample_id == "s0"]
    changed = left_so(content, shown, [], on={"s0"}, names=TWO)
    assert [[each["id"] for each in one.shapes] for one in changed.frames] == [[1], [5]]
    assert changed.frames[1] == content.frames[1]


def followed(**more):
    """A task of `FRAMES` frames with a box that goes from the first to the last one."""
    keys = [{"frame": at, "type": "rectangle", "points": [0, 0, 64 + 64 * at, 48], "id": at} for at in (0, 3)]
    track = {"id": 8, "label": "cat", "frame": 0, "shapes": keys, "elements": [], "attributes": []}
    frames = [frame(number, f"{number}.jpg", tracks=[track] if number in (0, 3) else []) for number in range(FRAMES)]
    return task(*(replace(each, **more.get(f"f{each.frame}", {})) for each in frames))


@pytest.mark.parametrize("hidden", [{"s0"}, {"s3"}, {"s1", "s2"}, set(NAMES.values())])
def test_a_track_stays_whole_where_images_are_not_shown(hidden):
    content = followed()
    on = set(NAMES.values()) - hidden
    shown = [each for each in shape_labels([content], NAMES) if each.sample_id in on]
    assert left_so(content, shown, shown, on=on) == content


def test_a_track_on_a_deleted_frame_stays_whole():
    content = followed(f3={"deleted": True})
    shown = shape_labels([content], NAMES)
    assert "s3" not in {each.sample_id for each in shown}
    assert left_so(content, shown, shown) == content


@pytest.mark.parametrize("deleted", [False, True], ids=["not shown", "deleted"])
def test_what_would_move_a_track_on_images_that_are_not_shown_is_refused(deleted):
    content = followed(f1={"deleted": deleted})
    on = set(NAMES.values()) - {"s1"}
    shown = [each for each in shape_labels([content], NAMES) if each.sample_id in on]
    for left in (
        [replace(each, box=(0.5, 0.5, 0.1, 0.1)) if each.sample_id == "s2" else each for each in shown],
        [each for each in shown if each.sample_id != "s0"],
        [],
    ):
        with pytest.raises(LabelError, match=r"elsewhere on images that are not shown: 1\.jpg"):
            left_so(content, shown, left, on=on)


def test_a_track_of_which_no_label_is_left_anywhere_goes():
    content = followed()
    after = left_so(content, shape_labels([content], NAMES), [])
    assert [each.tracks for each in after.frames] == [()] * FRAMES


def test_what_is_said_of_a_track_as_a_whole_cannot_be_another_on_one_image():
    content = followed()
    shown = shape_labels([content], NAMES)
    with pytest.raises(LabelError, match=r"on sample s1 says another thing"):
        left_so(content, shown, [replace(e, label="dog") if e.sample_id == "s1" else e for e in shown])


def test_a_moved_box_of_a_track_is_a_keyframe_and_its_neighbours_stay_where_they_were():
    content = followed()
    shown = shape_labels([content], NAMES)
    left = [replace(each, box=(0.5, 0.5, 0.1, 0.1)) if each.sample_id == "s1" else each for each in shown]
    changed = left_so(content, shown, left).frames
    assert [len(each.tracks) for each in changed] == [1, 1, 1, 1]
    points = [key["points"] for key in changed[0].tracks[0]["shapes"]]
    np.testing.assert_allclose(points, [[0, 0, 64, 48], [320, 240, 384, 288], [0, 0, 192, 48], [0, 0, 256, 48]])
    assert [key.get("id") for key in changed[0].tracks[0]["shapes"]] == [0, None, None, 3]


def test_a_box_of_a_track_that_was_bent_into_something_else_is_refused():
    key = {"frame": 0, "type": "ellipse", "points": [50, 60, 80, 20], "id": 1}
    track = {"id": 8, "label": "cat", "frame": 0, "shapes": [key], "elements": [], "attributes": []}
    content = task(frame(0, "0.jpg", tracks=[track]))
    with pytest.raises(LabelError, match="is no ellipse any more"):
        with_labels(content, lambda shown: [replace(shown[0], rings=(shown[0].rings[0][:4],))])


def test_a_skeleton_keeps_its_parts_and_one_without_a_place_is_outside():
    parts = [{"type": "points", "label": name, "points": [64.0, 48.0], "outside": False, "id": 3} for name in "ab"]
    content = task(frame(0, "0.jpg", shape(1, type="skeleton", points=[], elements=parts)))
    ring = np.array([[0.5, 0.5], [np.nan, np.nan]])
    [found] = with_labels(content, lambda shown: [replace(shown[0], rings=(ring,))]).frames[0].shapes
    assert found["elements"] == [{**parts[0], "points": [320.0, 240.0]}, {**parts[1], "outside": True}]
    with pytest.raises(LabelError, match="has 1 points now, and 2 parts"):
        with_labels(content, lambda shown: [replace(shown[0], rings=(ring[:1],))])


def test_a_track_that_hangs_on_a_frame_without_a_keyframe_of_it_stays_there():
    """Its keyframes are on frames that gave way to those of another task."""
    key = {
        "type": "rectangle",
        "frame": 0,
        "points": [1.0, 1.0, 9.0, 9.0],
        "outside": False,
        "id": 5,
        "occluded": False,
    }
    hung = {"id": 4, "frame": 0, "label": "cat", "label_id": 3, "shapes": [key], "attributes": []}
    content = task(frame(1, "1.jpg", shape(1), tracks=(hung,)), frame(2, "2.jpg"))
    assert left_so(content, [], [], on=set(), names={"1.jpg": "s1", "2.jpg": "s2"}) == content
