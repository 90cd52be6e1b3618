import io
import json
import zipfile
from pathlib import Path

import pytest
from cvat_sdk.core.client import Client
from defusedxml import ElementTree

from labelloop_tests.sandbox.server.world import Api, encoded, rectangle

COCO, XML = "COCO 1.0", "CVAT for images 1.1"


@pytest.fixture
def task(api: Api, make_task, label: int) -> int:
    """Frame 0 has a box, a polygon, an ellipse, a mask, a line; frame 1 a tag; frame 2 a box, and is deleted."""
    task_id = make_task(frames=3, subset="Train")
    drawn = [
        rectangle(label),
        {"type": "polygon", "label_id": label, "frame": 0, "points": [0, 0, 4, 0, 4, 3]},
        {"type": "ellipse", "label_id": label, "frame": 0, "points": [10, 10, 14, 7]},
        {"type": "mask", "label_id": label, "frame": 0, "points": [0, 1, 2, 1, 5, 6, 6, 7]},
        {"type": "polyline", "label_id": label, "frame": 0, "points": [0, 0, 4, 0]},
        rectangle(label, frame=2),
    ]
    body = {"shapes": drawn, "tags": [{"label_id": label, "frame": 1}]}
    assert api.call("PUT", f"/api/tasks/{task_id}/annotations", json=body).status_code == 200
    api.call("PATCH", f"/api/tasks/{task_id}/data/meta", json={"deleted_frames": [2]})
    return task_id


def _archive(content: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content))


def test_coco_holds_boxes_polygons_ellipses_and_masks(api: Api, task: int) -> None:
    archive = _archive(api.export(f"/api/tasks/{task}", COCO, images=True))
    assert sorted(archive.namelist()) == [
        "annotations/instances_Train.json", "images/Train/0.jpg", "images/Train/1.jpg",
    ]  # fmt: skip
    assert archive.read("images/Train/1.jpg") == encoded(red=20)
    document = json.loads(archive.read("annotations/instances_Train.json"))
    assert [category["name"] for category in document["categories"]] == ["cell", "note"]
    box, polygon, ellipse, mask = document["annotations"]
    assert (box["bbox"], box["area"]) == ([1.5, 2.25, 18.5, 15.875], 18.5 * 15.875)
    assert (polygon["segmentation"], polygon["area"]) == ([[0.0, 0.0, 4.0, 0.0, 4.0, 3.0]], 6.0)
    assert ellipse["bbox"] == pytest.approx([6, 7, 8, 6])
    assert (mask["bbox"], mask["area"], mask["segmentation"]["counts"]) == ([5, 6, 2, 2], 2.0, [0, 1, 2, 1])


def test_xml_holds_everything_that_is_drawn(api: Api, task: int) -> None:
    archive = _archive(api.export(f"/api/tasks/{task}", XML, images=True))
    assert sorted(archive.namelist()) == ["annotations.xml", "images/0.jpg", "images/1.jpg"]
    first, second = ElementTree.fromstring(archive.read("annotations.xml")).findall("image")
    assert [shape.tag for shape in first] == ["box", "polygon", "ellipse", "mask", "polyline"]
    assert first[0].attrib["xbr"] == "20.00"
    assert [(tag.tag, tag.attrib["label"]) for tag in second] == [("tag", "cell")]


def test_without_images_there_are_only_annotations(api: Api, task: int) -> None:
    assert _archive(api.export(f"/api/tasks/{task}", XML, images=False)).namelist() == ["annotations.xml"]


def test_a_project_exports_all_its_tasks_and_loses_no_picture_of_a_common_name(api: Api, make_task) -> None:
    project = api.call("POST", "/api/projects", json={"name": "two", "labels": [{"name": "a"}]}).json()["id"]
    first, second = (make_task(frames=2, project_id=project, subset="Train") for _ in range(2))
    third = make_task(frames=1, project_id=project, subset="Test")
    assert first < second < third
    archive = _archive(api.export(f"/api/projects/{project}", COCO, images=True))
    assert sorted(archive.namelist()) == sorted([
        "annotations/instances_Train.json", "annotations/instances_Test.json", "images/Test/0.jpg",
        "images/Train/0.jpg", "images/Train/1.jpg",
        f"images/Train/task_{second}/0.jpg", f"images/Train/task_{second}/1.jpg",
    ])  # fmt: skip


def test_a_job_exports_its_part(api: Api, task: int) -> None:
    job = api.get(f"/api/jobs?task_id={task}").json()["results"][1]
    archive = _archive(api.export(f"/api/jobs/{job['id']}", XML, images=False))
    images = ElementTree.fromstring(archive.read("annotations.xml")).findall("image")
    assert [image.attrib["id"] for image in images] == ["0", "1"]


def test_the_sdk_fetches_an_export_by_its_file_name(client: Client, task: int, tmp_path: Path) -> None:
    client.tasks.retrieve(task).export_dataset(XML, tmp_path / "out.zip", include_images=True)
    assert zipfile.is_zipfile(tmp_path / "out.zip")


def test_ranges_of_an_export_can_be_fetched(api: Api, task: int) -> None:
    whole = api.export(f"/api/tasks/{task}", COCO, images=True)
    rq_id = f"action=export&target=task&target_id={task}&user_id=1&format=COCO_1~0&subresource=dataset"
    part = api.get(f"/api/tasks/{task}/dataset/download", params={"rq_id": rq_id}, headers={"Range": "bytes=2-9"})
    assert (part.status_code, part.content) == (206, whole[2:10])


def test_an_unknown_format_and_the_old_address_are_refused(api: Api, task: int) -> None:
    refused = api.call("POST", f"/api/tasks/{task}/dataset/export", params={"format": "Nope 9.9"})
    assert (refused.status_code, refused.json()) == (400, ["Unknown format specified for the request"])
    assert api.get(f"/api/tasks/{task}/dataset?format={COCO}").status_code == 410
    assert api.get(f"/api/tasks/{task}/dataset/download?rq_id=none").status_code == 404


def test_a_format_of_cvat_that_is_not_written_fails_as_a_request(api: Api, task: int) -> None:
    query = {"format": "YOLO 1.1", "save_images": "False"}
    reply = api.call("POST", f"/api/tasks/{task}/dataset/export", params=query)
    request = api.wait(reply.json()["rq_id"])
    assert (request["status"], request["result_url"]) == ("failed", None)
    assert "not YOLO 1.1" in request["message"]
