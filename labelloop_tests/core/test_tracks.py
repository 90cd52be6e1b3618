import pytest

from labelloop.core.tracks import as_drawn, at, ended


def key(frame, points, kind="rectangle", **more):
    return {"id": frame + 100, "frame": frame, "type": kind, "points": points, "attributes": [], **more}


def track(*keyframes, **more):
    return {"id": 1, "label": "cat", "frame": 0, "group": 3, "source": "auto", "attributes": [], "elements": [],
            "shapes": list(keyframes), **more}  # fmt: skip


def test_a_box_goes_straight_from_keyframe_to_keyframe():
    moving = track(key(0, [0, 0, 10, 10]), key(4, [40, 80, 50, 90]))
    assert at(moving, 1)["points"] == [10, 20, 20, 30]
    assert [at(moving, frame)["keyframe"] for frame in (0, 1, 4, 9)] == [True, False, True, False]
    assert at(moving, 9)["points"] == [40, 80, 50, 90]
    assert (at(moving, 0)["id"], "id" in at(moving, 1)) == (100, False)
    assert {name: at(moving, 1)[name] for name in ("label", "group", "source")} == {
        "label": "cat", "group": 3, "source": "auto"
    }  # fmt: skip


def test_a_track_is_not_seen_before_it_begins_nor_while_it_is_outside():
    shown = track(key(2, [0, 0, 1, 1]), key(4, [4, 4, 5, 5], outside=True), key(6, [8, 8, 9, 9]))
    assert [at(shown, frame) is not None for frame in range(8)] == [False, False, True, True, False, False, True, True]
    assert at(shown, 3)["points"] == [2, 2, 3, 3]


@pytest.mark.parametrize(("left", "right", "middle"), [
    (0, 90, 45), (350, 10, 0), (10, 350, 0), (20, 200, 290), (0, 0, 0),
])  # fmt: skip
def test_an_angle_turns_the_short_way(left, right, middle):
    box = [0, 0, 10, 10]
    assert at(track(key(0, box, rotation=left), key(2, box, rotation=right)), 1)["rotation"] == middle


@pytest.mark.parametrize(("kind", "left", "right", "between"), [
    ("ellipse", [0, 0, 4, 4], [8, 8, 12, 12], [4, 4, 8, 8]),
    ("cuboid", [0] * 16, [8] * 16, [4] * 16),
    ("points", [0, 0], [8, 4], [4, 2]),
    ("points", [0, 0, 1, 1], [8, 4, 9, 9], [0, 0, 1, 1]),
    ("polygon", [0, 0, 1, 0, 1, 1], [8, 8, 9, 8, 9, 9], [4, 4, 5, 4, 5, 5]),
    ("polygon", [0, 0, 1, 0, 1, 1], [8, 8, 9, 8, 9, 9, 8, 9], [0, 0, 1, 0, 1, 1]),
    ("polyline", [0, 0, 1, 0], [8, 8, 9, 8], [4, 4, 5, 4]),
])  # fmt: skip
def test_each_type_goes_its_own_way(kind, left, right, between):
    assert at(track(key(0, left, kind), key(2, right, kind)), 1)["points"] == between


def test_a_frame_says_what_the_track_and_the_last_keyframe_say():
    fixed, said, later = ({"name": name, "value": value} for name, value in (("a", "1"), ("b", "2"), ("b", "3")))
    told = track(
        key(0, [0, 0, 1, 1], attributes=[said], occluded=True), key(2, [0, 0, 1, 1], attributes=[later]),
        attributes=[fixed],
    )  # fmt: skip
    assert at(told, 1)["attributes"] == [fixed, said]
    assert at(told, 1)["occluded"]
    assert at(told, 2)["attributes"] == [fixed, later]


def part(label, *keyframes):
    return {"id": 5, "label": label, "frame": 0, "attributes": [], "shapes": list(keyframes)}


def test_a_skeleton_moves_part_by_part_and_is_gone_when_all_are():
    head = part("head", key(0, [0, 0], "points"), key(4, [4, 8], "points"), key(5, [4, 8], "points", outside=True))
    tail = part("tail", key(0, [9, 9], "points"), key(2, [9, 9], "points", outside=True))
    body = track(key(0, [], "skeleton"), elements=[head, tail])
    found = at(body, 3)
    assert [(each["label"], each["points"], each["outside"]) for each in found["elements"]] == [
        ("head", [3, 6], False), ("tail", [9, 9], True),
    ]  # fmt: skip
    assert [at(body, frame)["keyframe"] for frame in (0, 1, 2, 4)] == [True, False, True, True]
    assert at(body, 5) is None


HERE, THERE = [0, 0, 10, 10], [9, 9, 19, 19]
GONE = key(2, THERE, outside=True)


@pytest.mark.parametrize(
    ("drawn", "given"),
    [
        ([key(0, HERE)], [key(0, HERE), key(2, HERE, outside=True)]),
        ([key(0, HERE), key(3, THERE)], [key(0, HERE), key(3, THERE), GONE]),  # CVAT appends it
        ([key(0, HERE), key(3, THERE, outside=True)], [key(0, HERE), key(3, THERE, outside=True)]),
        ([key(0, HERE), key(1, HERE, outside=True)], [key(0, HERE), key(1, HERE, outside=True)]),
    ],
    ids=["left open", "keyframe behind the job", "end behind the job", "end in the job"],
)
def test_a_track_is_given_through_the_task_with_an_end_where_its_job_ends(drawn, given):
    assert [(shape["frame"], shape.get("outside", False)) for shape in ended(track(*drawn), 2)["shapes"]] == [
        (shape["frame"], shape.get("outside", False)) for shape in given
    ]
    for order in (given, sorted(given, key=lambda shape: shape["frame"])):
        found = as_drawn(track(*order), 2)
        assert found is not None
        told = [(shape["frame"], shape["points"], shape.get("outside", False)) for shape in ended(found, 2)["shapes"]]
        assert sorted(told) == sorted((shape["frame"], shape["points"], shape.get("outside", False)) for shape in given)
        last = max(found["shapes"], key=lambda shape: shape["frame"])
        assert last["frame"] == max(shape["frame"] for shape in given)


def test_a_track_that_cvat_would_cut_is_given_by_none():
    assert as_drawn(track(key(0, HERE)), 2) is None
    assert as_drawn(track(key(0, HERE), key(3, THERE)), 2) is None


def test_the_parts_of_a_skeleton_end_with_it():
    part = track(key(0, [1, 1], "points"), key(3, [5, 5], "points"))
    whole = track(key(0, [], "skeleton"), key(3, [], "skeleton"), elements=[part])
    given = ended(whole, 2)
    assert [shape["frame"] for shape in given["elements"][0]["shapes"]] == [0, 3, 2]
    assert as_drawn(given, 2) == whole
