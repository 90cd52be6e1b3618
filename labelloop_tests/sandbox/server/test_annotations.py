from typing import Any

import pytest

from labelloop_tests.sandbox.server.world import Api, rectangle

SHAPES = {
    "rectangle": [-5.0, 20.0, 700.0, 100.123456789],
    "polygon": [10.0, 20.0, 100.0, 120.0, 50.0, 200.0],
    "polyline": [10.0, 20.0, 100.0, 120.0],
    "points": [10.0, 20.0],
    "ellipse": [50.0, 60.0, 80.0, 20.0],
    "cuboid": [float(n) for n in range(16)],
    "mask": [0.0, 4.0, 0.0, 10.0, 10.0, 11.0, 11.0],
}


@pytest.fixture
def path(make_task) -> str:
    """The annotations of a fresh task of five frames in jobs of two."""
    return f"/api/tasks/{make_task()}/annotations"


@pytest.fixture
def note(api: Api, project: int) -> dict[str, Any]:
    """The label with an attribute."""
    return api.get(f"/api/labels?project_id={project}").json()["results"][1]


def _put(api: Api, path: str, **body: Any) -> dict[str, Any]:
    reply = api.call("PUT", path, json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize("kind", SHAPES)
def test_every_kind_of_shape_comes_back_as_it_went(api: Api, path: str, label: int, kind: str) -> None:
    given = {
        "type": kind, "label_id": label, "frame": 1, "points": SHAPES[kind], "occluded": True, "z_order": 3,
        "rotation": 30.0, "group": 7, "source": "auto", "outside": False, "attributes": [], "elements": [],
    }  # fmt: skip
    (written,) = _put(api, path, shapes=[given])["shapes"]
    (read,) = api.get(path).json()["shapes"]
    assert read == {**given, "id": written["id"]}


def test_tracks_and_tags_come_back_as_they_went(api: Api, path: str, label: int) -> None:
    keyframes = [
        {"type": "rectangle", "frame": frame, "points": [1.0, 2.0, 3.0 + frame, 4.0], "outside": frame == 4,
         "occluded": False, "z_order": 0, "rotation": 0.0, "attributes": []}
        for frame in (0, 2, 4)
    ]  # fmt: skip
    track = {"label_id": label, "frame": 0, "group": 0, "source": "manual", "attributes": [], "elements": []}
    tag = {"label_id": label, "frame": 4, "group": None, "source": "manual", "attributes": []}
    _put(api, path, tracks=[{**track, "shapes": keyframes}], tags=[tag])
    content = api.get(path).json()
    (read,) = content["tracks"]
    assert [{k: v for k, v in shape.items() if k != "id"} for shape in read["shapes"]] == keyframes
    assert len({shape["id"] for shape in read["shapes"]}) == 3
    assert {key: read[key] for key in track} == track
    assert [{key: found[key] for key in tag} for found in content["tags"]] == [tag]


def test_a_skeleton_comes_back_with_its_elements(api: Api, make_task) -> None:
    label = {"name": "hand", "type": "skeleton", "sublabels": [{"name": "thumb", "type": "points"}]}
    project = api.call("POST", "/api/projects", json={"name": "skeletons", "labels": [label]}).json()["id"]
    (hand,) = api.get(f"/api/labels?project_id={project}").json()["results"]
    path = f"/api/tasks/{make_task(project_id=project)}/annotations"
    element = {"type": "points", "frame": 0, "label_id": hand["sublabels"][0]["id"], "points": [3.0, 4.0]}
    _put(api, path, shapes=[{"type": "skeleton", "label_id": hand["id"], "frame": 0, "elements": [element]}])
    (read,) = api.get(path).json()["shapes"]
    assert [(found["label_id"], found["points"]) for found in read["elements"]] == [(element["label_id"], [3.0, 4.0])]


def test_parts_have_ids_and_no_parts_of_their_own(api: Api, make_task) -> None:
    label = {"name": "hand", "type": "skeleton", "sublabels": [{"name": "thumb", "type": "points"}]}
    project = api.call("POST", "/api/projects", json={"name": "parts", "labels": [label]}).json()["id"]
    (hand,) = api.get(f"/api/labels?project_id={project}").json()["results"]
    path = f"/api/tasks/{make_task(segment_size=5, project_id=project)}/annotations"
    thumb, point = {"label_id": hand["sublabels"][0]["id"]}, {"type": "points", "points": [3.0, 4.0]}
    still = {"type": "skeleton", "label_id": hand["id"], "frame": 0, "elements": [{**thumb, **point, "frame": 0}] * 2}
    whole = {"type": "skeleton", "points": [], "frame": 0}
    moving = {"label_id": hand["id"], "frame": 0, "shapes": [whole]}
    part = {**thumb, "frame": 0, "shapes": [{**point, "frame": 1}]}
    _put(api, path, shapes=[still], tracks=[{**moving, "elements": [part]}])
    read = api.get(path).json()
    parts = read["shapes"][0]["elements"] + read["tracks"][0]["elements"]
    assert len({found["id"] for found in parts[:2]}) == 2
    assert parts[2]["id"] > 0
    assert not any("elements" in found for found in parts)
    assert [(shape["frame"], shape["outside"]) for shape in parts[2]["shapes"]] == [(0, True), (1, False)]


def test_a_keyframe_says_what_the_one_before_said_until_it_says_otherwise(api: Api, make_task) -> None:
    specs = [
        {"name": name, "mutable": mutable, "input_type": "text", "values": [name]}
        for name, mutable in (("pose", True), ("breed", False))
    ]
    body = {"name": "moving", "labels": [{"name": "dog", "attributes": specs}]}
    project = api.call("POST", "/api/projects", json=body).json()["id"]
    (dog,) = api.get(f"/api/labels?project_id={project}").json()["results"]
    pose, breed = (spec["id"] for spec in dog["attributes"])
    path = f"/api/tasks/{make_task(segment_size=5, project_id=project)}/annotations"
    point = {"type": "points", "points": [3.0, 4.0]}
    said = [{"spec_id": pose, "value": " lies "}]
    keyframes = [{**point, "frame": 0}, {**point, "frame": 2, "attributes": said}, {**point, "frame": 3}]
    track = {"label_id": dog["id"], "frame": 0, "shapes": keyframes}
    _put(api, path, tracks=[track])
    (read,) = api.get(path).json()["tracks"]
    assert [[found["value"] for found in shape["attributes"]] for shape in read["shapes"]] == [
        ["pose"], ["lies"], ["lies"],
    ]  # fmt: skip
    assert read["attributes"] == [{"spec_id": breed, "value": "breed"}]
    for wrong in ({**track, "attributes": said}, {**track, "shapes": [{**point, "frame": 0, "attributes": [
        {"spec_id": breed, "value": "pug"}
    ]}]}):  # fmt: skip
        assert api.call("PUT", path, json={"tracks": [wrong]}).status_code == 400


def test_what_was_left_out_has_cvats_defaults(api: Api, path: str, note: dict[str, Any]) -> None:
    (written,) = _put(api, path, shapes=[rectangle(note["id"])])["shapes"]
    assert written["attributes"] == []
    (read,) = api.get(path).json()["shapes"]
    spec = note["attributes"][0]["id"]
    assert read["attributes"] == [{"spec_id": spec, "value": ""}]
    expected = {"occluded": False, "outside": False, "z_order": 0, "group": None, "source": "manual", "rotation": 0.0}
    assert {key: read[key] for key in expected} == expected


def test_put_replaces_and_gives_new_ids(api: Api, path: str, label: int) -> None:
    (first,) = _put(api, path, shapes=[rectangle(label)])["shapes"]
    (second,) = _put(api, path, shapes=[rectangle(label)])["shapes"]
    assert second["id"] > first["id"]
    assert [shape["id"] for shape in api.get(path).json()["shapes"]] == [second["id"]]


def test_update_keeps_the_id_and_delete_removes_only_what_it_names(api: Api, path: str, label: int) -> None:
    first, second = _put(api, path, shapes=[rectangle(label), rectangle(label)])["shapes"]
    moved = {**first, "points": [5.0, 5.0, 9.0, 9.0]}
    assert api.call("PATCH", f"{path}?action=update", json={"shapes": [moved]}).status_code == 200
    assert {shape["id"]: shape["points"] for shape in api.get(path).json()["shapes"]}[first["id"]] == moved["points"]
    assert api.call("PATCH", f"{path}?action=delete", json={"shapes": [second]}).status_code == 200
    assert [shape["id"] for shape in api.get(path).json()["shapes"]] == [first["id"]]
    assert api.call("DELETE", path).status_code == 204
    assert api.get(path).json() == {"version": 0, "tags": [], "shapes": [], "tracks": []}


@pytest.mark.parametrize(("change", "body"), [
    ({"label_id": 99999}, ["label_id `99999` is invalid"]),
    ({"attributes": [{"spec_id": 9999, "value": "x"}]}, ["spec_id `9999` is invalid"]),
    ({"points": [1, 2, 3]}, {"shapes": [{"points": ["invalid length for shape type 'rectangle'"]}]}),
    ({"type": "polygon"}, {"shapes": [{"points": ["invalid length for shape type 'polygon'"]}]}),
    ({"type": "blob"}, {"shapes": [{"type": ['"blob" is not a valid choice.']}]}),
    ({"frame": None}, {"shapes": [{"frame": ["This field is required."]}]}),
    ({"frame": "one"}, {"shapes": [{"frame": ["A valid integer is required."]}]}),
    ({"points": ["a", "b", "c", "d"]}, {"shapes": [{"points": ["A valid number is required."]}]}),
    ({"rotation": -1.0}, {"shapes": [{"rotation": ["Ensure this value is greater than or equal to 0."]}]}),
    ({"rotation": 360.5}, {"shapes": [{"rotation": ["Ensure this value is less than or equal to 360."]}]}),
    ({"attributes": [{"spec_id": 1, "value": "a\0"}]},
     {"shapes": [{"attributes": [{"value": ["Null characters are not allowed."]}]}]}),
    ({"attributes": [{"spec_id": 1, "value": "a" * 4097}]},
     {"shapes": [{"attributes": [{"value": ["Ensure this field has no more than 4096 characters."]}]}]}),
    ({"rotation": "far"}, {"shapes": [{"rotation": ["A valid number is required."]}]}),
    ({"z_order": "top"}, {"shapes": [{"z_order": ["A valid integer is required."]}]}),
    ({"group": []}, {"shapes": [{"group": ["A valid integer is required."]}]}),
    ({"attributes": [3]}, {"shapes": [{"attributes": ["Invalid data. Expected a dictionary."]}]}),
    ({"source": ""}, {"shapes": [{"source": ["This field may not be blank."]}]}),
    ({"id": 3}, {"shapes": [{"id": ["must be absent"]}]}),
])  # fmt: skip
def test_a_wrong_shape_is_refused_and_nothing_is_changed(
    api: Api, path: str, label: int, change: dict, body: object
) -> None:
    _put(api, path, shapes=[rectangle(label)])
    refused = api.call("PUT", path, json={"shapes": [{**rectangle(label), **change}]})
    assert (refused.status_code, refused.json()) == (400, body)
    assert len(api.get(path).json()["shapes"]) == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_json_does_not_have_is_refused(api: Api, path: str, label: int, number: str) -> None:
    text = f'{{"shapes":[{{"type":"points","label_id":{label},"frame":0,"points":[1,{number}]}}]}}'
    assert api.call("PUT", path, data=text, headers={"Content-Type": "application/json"}).status_code == 400
    assert api.get(path).json()["shapes"] == []


@pytest.mark.parametrize("shapes", [{"0": 1}, 3, ["x"], [[]]])
def test_shapes_that_are_no_list_of_objects_are_refused(api: Api, path: str, shapes: object) -> None:
    assert api.call("PUT", path, json={"shapes": shapes}).status_code == 400


def test_update_and_delete_need_ids(api: Api, path: str, label: int) -> None:
    for action in ("update", "delete"):
        refused = api.call("PATCH", f"{path}?action={action}", json={"shapes": [rectangle(label)]})
        assert (refused.status_code, refused.json()) == (400, {"shapes": [{"id": ["must be present"]}]})


def test_a_patch_needs_an_action(api: Api, path: str) -> None:
    assert api.call("PATCH", path, json={"shapes": []}).status_code == 400


def test_a_shape_beyond_the_last_frame_is_dropped_in_silence(api: Api, path: str, label: int) -> None:
    reply = _put(api, path, shapes=[rectangle(label, frame=5), rectangle(label, frame=4)])
    assert [shape["frame"] for shape in reply["shapes"]] == [4]
    assert [shape["frame"] for shape in api.get(path).json()["shapes"]] == [4]


def test_a_job_sees_its_own_frames_and_keeps_what_is_sent_to_it(api: Api, path: str, label: int) -> None:
    task_id = path.split("/")[3]
    jobs = [job["id"] for job in reversed(api.get(f"/api/jobs?task_id={task_id}").json()["results"])]
    _put(api, path, shapes=[rectangle(label, frame=frame) for frame in (4, 0, 3, 1)])
    seen = [[shape["frame"] for shape in api.get(f"/api/jobs/{job}/annotations").json()["shapes"]] for job in jobs]
    assert seen == [[0, 1], [3], [4]]
    foreign = {"shapes": [rectangle(label, frame=4)]}
    api.call("PATCH", f"/api/jobs/{jobs[0]}/annotations?action=create", json=foreign)
    assert len(api.get(f"/api/jobs/{jobs[0]}/annotations").json()["shapes"]) == 3
    assert len(api.get(path).json()["shapes"]) == 5


def test_a_put_on_a_job_leaves_the_other_jobs_alone(api: Api, path: str, label: int) -> None:
    job = api.get(f"/api/jobs?task_id={path.split('/')[3]}").json()["results"][0]
    _put(api, path, shapes=[rectangle(label, frame=0), rectangle(label, frame=4)])
    _put(api, f"/api/jobs/{job['id']}/annotations", shapes=[])
    assert [shape["frame"] for shape in api.get(path).json()["shapes"]] == [0]


def test_a_label_and_its_attribute_can_be_changed_and_keep_their_ids(api: Api) -> None:
    spec = {"name": "n", "mutable": False, "input_type": "select", "values": ["a", "b"]}
    body = {"name": "changes", "labels": [{"name": "old", "attributes": [spec]}]}
    project = api.call("POST", "/api/projects", json=body).json()["id"]
    (label,) = api.get(f"/api/labels?project_id={project}").json()["results"]
    attribute = {**label["attributes"][0], "values": ["a", "b", "c"]}
    change = {"id": label["id"], "name": "new", "attributes": [attribute]}
    assert api.call("PATCH", f"/api/projects/{project}", json={"labels": [change]}).status_code == 200
    assert api.get(f"/api/labels/{label['id']}").json() == {**label, "name": "new", "attributes": [attribute]}


def test_deleting_a_label_deletes_its_annotations(api: Api, make_task) -> None:
    labels = [{"name": "keep"}, {"name": "drop"}]
    project = api.call("POST", "/api/projects", json={"name": "labels", "labels": labels}).json()["id"]
    keep, drop = api.get(f"/api/labels?project_id={project}").json()["results"]
    path = f"/api/tasks/{make_task(project_id=project)}/annotations"
    _put(api, path, shapes=[rectangle(keep["id"]), rectangle(drop["id"])])
    api.call("PATCH", f"/api/projects/{project}", json={"labels": [{"id": drop["id"], "deleted": True}]})
    assert [shape["label_id"] for shape in api.get(path).json()["shapes"]] == [keep["id"]]
