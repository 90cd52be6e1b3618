import json

import pytest
from PIL import Image

from labelloop.adapters.cvat.frames import download_frames
from labelloop.adapters.cvat.jobs import (
    change_shapes,
    complete_job,
    delete_frames,
    jobs_of_task,
    put_job_annotations,
    rectangle,
    reopen_job,
)
from labelloop.adapters.cvat.pull import content, finished_tasks, progress, tasks_of_people
from labelloop.adapters.cvat.push import push_task
from labelloop.adapters.images import inspect
from labelloop.core import label_version
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import CvatError
from labelloop.core.schema import Schema
from labelloop_tests.pictures import encoded, picture


def draw(server, project, task, frame: int, box=(1.5, 2.25, 30.0, 40.125), label: str = "cat") -> None:
    job = next(job for job in jobs_of_task(server, task.task_id) if job.start_frame <= frame <= job.stop_frame)
    change_shapes(server, job.job_id, "create", [rectangle(project.label_ids[label], frame, box)])


def test_progress_counts_completed_jobs(server, task):
    [before] = progress(server, [task.task_id])
    assert (before.found, before.jobs_total, before.jobs_completed, before.completed) == (True, 2, 0, False)
    assert before.url == task.url
    complete_job(server, task.job_ids[0])
    [half] = progress(server, [task.task_id])
    assert (half.jobs_completed, half.completed) == (1, False)
    assert half.updated > before.updated
    complete_job(server, task.job_ids[1])
    [full] = progress(server, [task.task_id])
    assert (full.jobs_completed, full.completed) == (2, True)


def test_a_job_that_is_only_completed_is_not_accepted(server, task):
    for job_id in task.job_ids:
        body = {"stage": "annotation", "state": "completed"}
        server.write("PATCH", f"/api/jobs/{job_id}", "completing as annotators do", body)
    assert not progress(server, [task.task_id])[0].completed


def test_a_reopened_job_counts_no_more(server, task):
    for job_id in task.job_ids:
        complete_job(server, job_id)
    reopen_job(server, task.job_ids[1])
    [state] = progress(server, [task.task_id])
    assert (state.jobs_completed, state.completed) == (1, False)


def test_progress_of_many_tasks_is_few_requests_and_knows_the_deleted(server, project, make_spec, task):
    other = push_task(server, project, make_spec(key="k2"))
    server.write("DELETE", f"/api/tasks/{other.task_id}", "deleting as people do")
    before = server.requests
    gone, there, never = progress(server, [other.task_id, task.task_id, 999_999_999])
    assert server.requests - before == 2
    assert (gone.found, there.found, never.found) == (False, True, False)
    assert not gone.completed
    assert gone.jobs_total == 0
    assert there.task_id == task.task_id


def test_progress_of_no_task_asks_nothing(server):
    before = server.requests
    assert progress(server, []) == []
    assert server.requests == before


class Canned:
    """A server that knows two lists."""

    url = "http://cvat"

    def __init__(self, tasks: list[dict], jobs: list[dict]) -> None:
        self.lists = {"/api/tasks": tasks, "/api/jobs": jobs}

    def list_all(self, path: str, doing: str, **query) -> list[dict]:
        return self.lists[path]


def job(number: int, **changes) -> dict:
    frames = {"start_frame": 0, "stop_frame": 9}
    return (
        {"id": number, "task_id": 9, "stage": "acceptance", "state": "completed", "updated_date": "b"}
        | frames
        | changes
    )


def test_ground_truth_and_consensus_jobs_hold_nothing_back():
    others = [job(2, type=kind, stage="annotation", state="new") for kind in ("ground_truth", "consensus_replica")]
    server = Canned([{"id": 9, "name": "t", "updated_date": "a"}], [*others, job(1, type="annotation")])
    [state] = progress(server, [9])
    assert (state.jobs_total, state.jobs_completed, state.completed, state.updated) == (1, 1, True, "b")


def test_a_task_of_people_is_finished_without_its_ground_truth_and_its_jobs_move_its_date():
    waiting = job(2, type="ground_truth", stage="annotation", state="new", updated_date="z")
    raw = {"name": "t", "updated_date": "a", "size": 3, "status": "annotation", "bug_tracker": ""}
    jobs = [job(1), waiting, job(3, task_id=8, state="new"), job(4, task_id=8, updated_date="c")]
    server = Canned([{"id": 9, **raw}, {"id": 8, **raw}, {"id": 7, **raw}], jobs)
    found = tasks_of_people(server, 5)
    told = [(task.task_id, task.completed, task.updated) for task in found]
    assert told == [(7, False, "a"), (8, False, "c"), (9, True, "b")]
    assert [task.task_id for task in finished_tasks(server, 5)] == [9]


def test_content_says_who_has_a_job_and_when_it_was_changed(server, project, task):
    person = server.get("/api/users/self", "asking who we are")
    server.write("PATCH", f"/api/jobs/{task.job_ids[1]}", "assigning a job", {"assignee": person["id"]})
    complete_job(server, task.job_ids[1])
    pulled = content(server, task.task_id)
    assert pulled.project_id == project.id
    assert [(note.job_id, note.annotator, note.completed) for note in pulled.jobs] == [
        (task.job_ids[0], "", False),
        (task.job_ids[1], person["username"], True),
    ]
    assert all(note.updated for note in pulled.jobs)
    assert TaskContent.from_dict(json.loads(json.dumps(pulled.to_dict()))).jobs == pulled.jobs


def test_boxes_on_a_photograph_that_lies_on_its_side_are_in_upright_pixels(server, project, make_spec, tmp_path):
    spec = make_spec(["photo.jpg"])
    spec.images[0].path.write_bytes(encoded(picture(5, (64, 48)), "JPEG", orientation=6))
    task = push_task(server, project, spec)
    draw(server, project, task, 0, box=(2.0, 3.0, 40.0, 60.0))
    pulled = content(server, task.task_id)
    (frame,) = pulled.frames
    assert (frame.width, frame.height) == (48, 64)
    image = inspect(spec.images[0].path)
    assert (image.width, image.height) == (48, 64)
    version = label_version.project([pulled], {frame.name: "s"}, Schema.first(["cat"]))
    assert version.boxes[["x1", "y1", "x2", "y2"]].to_numpy().tolist() == [[2.0, 3.0, 40.0, 60.0]]
    (file,) = download_frames(server, task.task_id, tmp_path / "down")
    assert (file.width, file.height) == (48, 64)
    with Image.open(file.path) as shown:
        assert shown.size == (48, 64)


def test_content_is_what_people_drew(server, project, task):
    draw(server, project, task, 2, label="Ünïcorn & co")
    draw(server, project, task, 0, box=(-5.0, -5.0, 700.0, 9.123456789))
    draw(server, project, task, 0, label="dog")
    pulled = content(server, task.task_id)
    assert [frame.name for frame in pulled.frames] == list(task.frame_of)
    assert [frame.frame for frame in pulled.frames] == [0, 1, 2, 3]
    assert {(frame.width, frame.height) for frame in pulled.frames} == {(64, 48)}
    assert [frame.job_id for frame in pulled.frames] == [task.job_ids[0]] * 2 + [task.job_ids[1]] * 2
    assert [[shape["label"] for shape in frame.shapes] for frame in pulled.frames] == [
        ["cat", "dog"],
        [],
        ["Ünïcorn & co"],
        [],
    ]
    assert pulled.frames[0].shapes[0]["points"] == [-5.0, -5.0, 700.0, 9.123456789]
    assert pulled.subset == "Train"
    json.dumps(pulled.to_dict())


def test_the_revision_changes_exactly_when_the_content_does(server, project, task):
    draw(server, project, task, 1)
    first = content(server, task.task_id)
    assert content(server, task.task_id) == first
    complete_job(server, task.job_ids[0])
    assert content(server, task.task_id).revision == first.revision
    moved = {**first.frames[1].shapes[0], "points": [2.0, 2.0, 30.0, 40.0]}
    change_shapes(server, task.job_ids[0], "update", [moved])
    second = content(server, task.task_id)
    assert second.revision != first.revision
    assert second.frames[1].shapes[0]["id"] == first.frames[1].shapes[0]["id"]
    change_shapes(server, task.job_ids[0], "delete", [second.frames[1].shapes[0]])
    assert content(server, task.task_id).frames[1].shapes == ()


def test_a_deleted_frame_is_told_with_what_is_on_it(server, project, task):
    draw(server, project, task, 3)
    before = content(server, task.task_id)
    delete_frames(server, task.task_id, [3])
    after = content(server, task.task_id)
    assert [frame.deleted for frame in after.frames] == [False, False, False, True]
    assert len(after.frames[3].shapes) == 1
    assert after.revision != before.revision
    delete_frames(server, task.task_id, [])
    assert content(server, task.task_id) == before


def test_every_kind_of_drawing_comes_back(server, project, task):
    cat = project.label_ids["cat"]
    kinds = {
        "polygon": [1.0, 1.0, 20.0, 1.0, 20.0, 20.0],
        "polyline": [1.0, 1.0, 20.0, 20.0],
        "points": [5.0, 6.0],
        "ellipse": [20.0, 20.0, 30.0, 10.0],
    }
    drawn = [{"type": kind, "frame": 0, "label_id": cat, "points": points} for kind, points in kinds.items()]
    drawn.append({**rectangle(cat, 1, (1, 1, 9, 9)), "rotation": 30.5, "occluded": True, "z_order": 2})
    keyframe = {"type": "rectangle", "points": [1.0, 1.0, 9.0, 9.0], "outside": False, "occluded": False}
    track = {"frame": 0, "label_id": cat, "shapes": [{**keyframe, "frame": 0}, {**keyframe, "frame": 1}]}
    body = {"version": 0, "shapes": drawn, "tags": [{"frame": 1, "label_id": cat}], "tracks": [track]}
    server.write("PUT", f"/api/jobs/{task.job_ids[0]}/annotations/", "drawing", body)
    frames = content(server, task.task_id).frames
    assert {shape["type"]: shape["points"] for shape in frames[0].shapes} == kinds
    turned = frames[1].shapes[0]
    assert (turned["rotation"], turned["occluded"], turned["z_order"]) == (30.5, True, 2)
    assert [tag["label"] for tag in frames[1].tags] == ["cat"]
    assert frames[0].tracks == frames[1].tracks
    # The next job begins at frame 2, and there CVAT ends what the first one does not.
    found = [(shape["frame"], shape["outside"]) for shape in frames[0].tracks[0]["shapes"]]
    assert found == [(0, False), (1, False), (2, True)]


def test_attributes_carry_their_names(server, project, make_spec):
    attribute = {"name": "blurry", "mutable": False, "input_type": "checkbox", "values": ["false"]}
    body = {"labels": [{"name": "ball", "attributes": [{**attribute, "default_value": "false"}]}]}
    server.write("PATCH", f"/api/projects/{project.id}", "adding a label", body)
    labels = server.list_all("/api/labels", "reading labels", project_id=project.id)
    ball = next(label for label in labels if label["name"] == "ball")
    task = push_task(server, project, make_spec())
    value = {"spec_id": ball["attributes"][0]["id"], "value": "true"}
    put_job_annotations(server, task.job_ids[0], [{**rectangle(ball["id"], 0, (1, 1, 9, 9)), "attributes": [value]}])
    [shape] = content(server, task.task_id).frames[0].shapes
    assert shape["attributes"] == [{**value, "name": "blurry"}]
    change_shapes(server, task.job_ids[0], "update", [shape])
    assert content(server, task.task_id).frames[0].shapes[0]["attributes"] == [{**value, "name": "blurry"}]


def test_a_shape_that_cvat_drops_silently_is_noticed(server, project, task):
    with pytest.raises(CvatError, match="kept 0 of 1"):
        put_job_annotations(server, task.job_ids[0], [rectangle(project.label_ids["cat"], 77, (1, 1, 9, 9))])


def test_a_task_without_images_says_so(server, project):
    half = server.write("POST", "/api/tasks", "making half a task", {"name": "half", "project_id": project.id})
    with pytest.raises(CvatError, match=f"task {half['id']} 'half' has no images"):
        content(server, half["id"])


def test_a_task_that_is_gone_is_named(server):
    with pytest.raises(CvatError, match="task 999999999"):
        content(server, 999_999_999)
