"""The loop's whole way through the server, with the real SDK."""

import json
from pathlib import Path

from cvat_sdk.core.client import Client
from cvat_sdk.core.uploading import DataUploader

from labelloop_tests.sandbox.server.world import picture, rectangle


def test_the_sdk_goes_the_whole_way_from_project_to_completed_task(client: Client, tmp_path: Path) -> None:
    project = client.projects.create({"name": "whole way", "labels": [{"name": "cell"}]})
    assert [found.id for found in client.projects.list() if found.name == "whole way"] == [project.id]
    files = [picture(tmp_path / f"{name}.jpg") for name in ("z", "a", "m")]
    task = client.tasks.create(
        {"name": "v0", "project_id": project.id, "subset": "Train", "segment_size": 2, "bug_tracker": "key:v0"}
    )
    task.upload_data(files, params={"image_quality": 95, "sorting_method": "predefined"})
    assert (task.size, task.status, task.bug_tracker) == (3, "annotation", "key:v0")
    assert [frame.name for frame in task.get_meta().frames] == ["z.jpg", "a.jpg", "m.jpg"]

    label = project.get_labels()[0]
    task.set_annotations({"shapes": [rectangle(label.id, frame=2)], "tags": [], "tracks": []})
    for job in task.get_jobs():
        job.update({"stage": "acceptance", "state": "completed"})
    task.fetch()
    assert (task.status, task.jobs["completed"], task.jobs["count"]) == ("completed", 2, 2)
    (shape,) = task.get_annotations().shapes
    assert (shape.frame, shape.label_id, list(shape.points)) == (2, label.id, [1.5, 2.25, 20.0, 18.125])


def test_a_label_added_to_a_project_leaves_the_others_as_they_were(client: Client) -> None:
    project = client.projects.create({"name": "labels", "labels": [{"name": "a"}, {"name": "b"}]})
    before = {label.name: label.id for label in project.get_labels()}
    project.update({"labels": [{"name": "c"}]})
    after = {label.name: label.id for label in project.get_labels()}
    assert list(after) == ["a", "b", "c"]
    assert {name: after[name] for name in before} == before


def test_deleting_a_task_makes_it_unknown(client: Client, make_task) -> None:
    task_id = make_task()
    client.tasks.remove_by_ids([task_id])
    assert task_id not in [task.id for task in client.tasks.list()]


def test_the_sdk_uploads_a_large_file_in_pieces(client: Client, project: int, tmp_path: Path) -> None:
    task = client.tasks.create({"name": "tus", "project_id": project})
    file = picture(tmp_path / "large.jpg")
    url = client.api_map.make_endpoint_url(client.api_client.tasks_api.create_data_endpoint.path, kwsub={"id": task.id})
    response = DataUploader(client, max_request_size=1).upload_files(url, [file], image_quality=95)
    client.wait_for_completion(json.loads(response.data)["rq_id"])
    task.fetch()
    assert task.size == 1
    assert task.get_frame(0, quality="original").read() == file.read_bytes()
