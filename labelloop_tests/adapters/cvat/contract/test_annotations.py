"""What labels depend on: everything drawn is kept as it was drawn, and what is not kept is noticed."""

from typing import Any

import pytest

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import change_shapes, delete_frames, put_job_annotations, rectangle
from labelloop.adapters.cvat.prefill import prefill
from labelloop.adapters.cvat.projects import ProjectRef
from labelloop.adapters.cvat.pull import content
from labelloop.adapters.cvat.push import push_task
from labelloop.adapters.cvat.refusals import CvatRefusedError
from labelloop.core.annotation import TaskRef
from labelloop_tests.cvat_world import MakeSpec

KINDS: dict[str, dict[str, Any]] = {
    "rectangle": {"points": [1.123456789, 2.25, 30.5, 40.0625]},
    "rotated rectangle": {"type": "rectangle", "points": [10.0, 10.0, 30.0, 20.0], "rotation": 33.25},
    "box outside of the image": {"type": "rectangle", "points": [-5.0, -7.5, 700.0, 500.0]},
    "polygon": {"points": [1.0, 1.0, 20.5, 1.0, 20.0, 20.0, 3.0, 9.0]},
    "polyline": {"points": [1.0, 1.0, 20.5, 20.0]},
    "points": {"points": [5.0, 6.0, 7.5, 8.0]},
    "ellipse": {"points": [20.0, 20.0, 30.0, 10.0], "rotation": 12.5},
    "cuboid": {"points": [float(number) for number in range(1, 17)]},
    "mask": {"points": [3.0, 2.0, 7.0, 1.0, 2.0, 10.0, 11.0, 14.0, 13.0]},  # runs, then the box: 5 by 3 pixels
}
FLAGS = {"occluded": True, "z_order": 3}


@pytest.fixture
def cat(project: ProjectRef) -> int:
    return project.label_ids["cat"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_shape_comes_back_as_it_was_drawn(server: CvatServer, task: TaskRef, cat: int, kind: str):
    shape = {"type": kind, "frame": 1, "label_id": cat, "group": 7, "source": "file", **KINDS[kind], **FLAGS}
    put_job_annotations(server, task.job_ids[0], [shape])
    [kept] = content(server, task.task_id).frames[1].shapes
    assert {key: kept[key] for key in shape} == shape
    assert kept["label"] == "cat"


def add_label(server: CvatServer, project: ProjectRef, label: dict[str, Any]) -> dict[str, Any]:
    """A label added to the project, as it is listed."""
    server.write("PATCH", f"/api/projects/{project.id}", "adding a label", {"labels": [label]})
    listed = server.list_all("/api/labels", "reading", project_id=project.id)
    [added] = [one for one in listed if one["name"] == label["name"]]
    return added


@pytest.fixture
def fish(server: CvatServer, project: ProjectRef) -> dict[str, Any]:
    """A skeleton of two points."""
    nodes = "".join(
        f'<circle r="0.75" cx="{10 * n}" cy="{10 * n}" data-type="element node" data-element-id="{n}" '
        f'data-node-id="{n}" data-label-name="{name}"></circle>'
        for n, name in enumerate(("head", "tail"), start=1)
    )
    parts = [{"name": name, "type": "points", "attributes": []} for name in ("head", "tail")]
    label = {"name": "fish", "type": "skeleton", "attributes": [], "sublabels": parts, "svg": nodes}
    return add_label(server, project, label)


@pytest.fixture
def ball(server: CvatServer, project: ProjectRef) -> dict[str, Any]:
    """A label with an attribute that never changes and one that may."""
    blurry = {
        "name": "blurry",
        "mutable": False,
        "input_type": "checkbox",
        "default_value": "false",
        "values": ["false"],
    }
    kind = {"name": "kind", "mutable": True, "input_type": "select", "default_value": "b", "values": ["a", "b", "c"]}
    return add_label(server, project, {"name": "ball", "attributes": [blurry, kind]})


def drawn_fish(fish: dict[str, Any]) -> dict[str, Any]:
    """A skeleton as people's browsers send it: without points of its own, each part with its frame."""
    parts = sorted(fish["sublabels"], key=lambda part: str(part["name"]))
    elements = [
        {"type": "points", "frame": 0, "label_id": part["id"], "points": [3.0 + n, 4.5], "outside": n == 1}
        for n, part in enumerate(parts)
    ]
    return {"type": "skeleton", "frame": 0, "label_id": fish["id"], "points": [], "elements": elements}


def test_a_skeleton_comes_back_with_the_names_of_its_parts(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, fish: dict[str, Any]
):
    task = push_task(server, project, make_spec(1))
    put_job_annotations(server, task.job_ids[0], [drawn_fish(fish)])
    [shape] = content(server, task.task_id).frames[0].shapes
    found = {element["label"]: (element["points"], element["outside"]) for element in shape["elements"]}
    assert shape["label"] == "fish"
    assert found == {"head": ([3.0, 4.5], False), "tail": ([4.0, 4.5], True)}


def test_a_part_of_a_skeleton_without_its_frame_is_refused(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, fish: dict[str, Any]
):
    task = push_task(server, project, make_spec(1))
    drawn = drawn_fish(fish)
    del drawn["elements"][0]["frame"]
    with pytest.raises(CvatRefusedError, match="frame: This field is required"):
        put_job_annotations(server, task.job_ids[0], [drawn])


def test_tags_and_tracks_come_back_on_their_frames(server: CvatServer, task: TaskRef, cat: int):
    keyframes = [
        {"type": "rectangle", "frame": frame, "points": [1.0, 1.0, 9.0, 9.0 + frame], "outside": frame == 1}
        for frame in (0, 1)
    ]
    track = {"frame": 0, "label_id": cat, "shapes": keyframes}
    body = {"version": 0, "shapes": [], "tags": [{"frame": 1, "label_id": cat}], "tracks": [track]}
    server.write("PUT", f"/api/jobs/{task.job_ids[0]}/annotations/", "drawing", body)
    frames = content(server, task.task_id).frames
    assert [[tag["label"] for tag in frame.tags] for frame in frames] == [[], ["cat"], [], []]
    [kept] = frames[0].tracks
    assert [(one["frame"], one["points"][3], one["outside"]) for one in kept["shapes"]][:2] == [
        (0, 9.0, False),
        (1, 10.0, True),
    ]


def test_attributes_that_nobody_set_come_back_with_their_defaults(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, ball: dict[str, Any]
):
    specs = {spec["name"]: spec["id"] for spec in ball["attributes"]}
    task = push_task(server, project, make_spec(1))
    set_ = {"attributes": [{"spec_id": specs["kind"], "value": "c"}]}
    put_job_annotations(server, task.job_ids[0], [{**rectangle(ball["id"], 0, (1, 1, 9, 9)), **set_}])
    [shape] = content(server, task.task_id).frames[0].shapes
    assert {value["name"]: value["value"] for value in shape["attributes"]} == {"blurry": "false", "kind": "c"}
    assert {value["name"]: value["spec_id"] for value in shape["attributes"]} == specs


def test_an_updated_shape_keeps_its_id_and_a_deleted_one_is_gone(server: CvatServer, task: TaskRef, cat: int):
    put_job_annotations(server, task.job_ids[0], [rectangle(cat, 0, (1, 1, 9, 9)), rectangle(cat, 1, (2, 2, 9, 9))])
    frames = content(server, task.task_id).frames
    [first], [second] = frames[0].shapes, frames[1].shapes
    change_shapes(server, task.job_ids[0], "update", [{**first, "points": [3.0, 3.0, 9.0, 9.0]}])
    change_shapes(server, task.job_ids[0], "delete", [second])
    after = content(server, task.task_id).frames
    assert [(shape["id"], shape["points"]) for shape in after[0].shapes] == [(first["id"], [3.0, 3.0, 9.0, 9.0])]
    assert after[1].shapes == ()


def test_the_same_boxes_saved_again_are_the_same_revision(server: CvatServer, task: TaskRef, cat: int):
    boxes = [rectangle(cat, 0, (1, 1, 9, 9)), rectangle(cat, 1, (2, 2, 9, 9))]
    put_job_annotations(server, task.job_ids[0], boxes)
    first = content(server, task.task_id)
    put_job_annotations(server, task.job_ids[0], boxes[::-1])
    assert content(server, task.task_id).revision == first.revision


def test_attributes_and_parts_in_another_order_are_the_same_revision(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, ball: dict[str, Any], fish: dict[str, Any]
):
    """CVAT reads neither in an order of their own; what nobody set comes after what somebody did."""
    task = push_task(server, project, make_spec(1))
    said = [{"spec_id": spec["id"], "value": spec["default_value"]} for spec in ball["attributes"]]
    box, skeleton = rectangle(ball["id"], 0, (1, 1, 9, 9)), drawn_fish(fish)
    put_job_annotations(server, task.job_ids[0], [{**box, "attributes": said}, skeleton])
    before = content(server, task.task_id)
    turned = {**skeleton, "elements": skeleton["elements"][::-1]}
    for attributes in (said[::-1], said[1:]):
        put_job_annotations(server, task.job_ids[0], [{**box, "attributes": attributes}, turned])
        assert content(server, task.task_id).revision == before.revision


def test_a_shape_with_an_id_is_not_taken_as_new(server: CvatServer, task: TaskRef, cat: int):
    with pytest.raises(CvatRefusedError, match="must be absent"):
        put_job_annotations(server, task.job_ids[0], [{**rectangle(cat, 0, (1, 1, 9, 9)), "id": 5}])


def test_many_boxes_are_all_kept(server: CvatServer, task: TaskRef, cat: int):
    boxes = [rectangle(cat, number % 2, (1, 1, 9 + number / 8, 9)) for number in range(600)]
    put_job_annotations(server, task.job_ids[0], boxes)
    frames = content(server, task.task_id).frames
    assert sorted(shape["points"][2] for frame in frames for shape in frame.shapes) == [9 + n / 8 for n in range(600)]


def test_replacing_one_job_leaves_the_other_alone(server: CvatServer, task: TaskRef, cat: int):
    put_job_annotations(server, task.job_ids[1], [rectangle(cat, 2, (1, 1, 9, 9))])
    put_job_annotations(server, task.job_ids[0], [rectangle(cat, 0, (1, 1, 9, 9))])
    put_job_annotations(server, task.job_ids[0], [])
    assert [len(frame.shapes) for frame in content(server, task.task_id).frames] == [0, 0, 1, 0]


def test_a_deleted_frame_keeps_its_shapes_until_it_is_back(server: CvatServer, task: TaskRef, cat: int):
    put_job_annotations(server, task.job_ids[1], [rectangle(cat, 3, (1, 1, 9, 9))])
    before = content(server, task.task_id)
    delete_frames(server, task.task_id, [0, 3])
    between = content(server, task.task_id)
    assert [(frame.deleted, len(frame.shapes)) for frame in between.frames] == [
        (True, 0),
        (False, 0),
        (False, 0),
        (True, 1),
    ]
    delete_frames(server, task.task_id, [])
    assert content(server, task.task_id).revision == before.revision != between.revision


def test_what_is_drawn_beforehand_is_drawn_once(server: CvatServer, project: ProjectRef, task: TaskRef):
    known = {name: [{"type": "rectangle", "label": "dog", "points": [1.0, 2.0, 9.0, 9.0]}] for name in task.frame_of}
    assert sum(job.drawn for job in prefill(server, task.task_id, known, project.label_ids)) == 4
    assert sum(job.drawn for job in prefill(server, task.task_id, known, project.label_ids)) == 0
    frames = content(server, task.task_id).frames
    assert [[shape["label"] for shape in frame.shapes] for frame in frames] == [["dog"]] * 4
