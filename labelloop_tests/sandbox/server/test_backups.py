"""A backup restored is what was saved: shown with the real SDK and with what our adapter reads."""

import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from cvat_sdk.core.client import Client

from labelloop.adapters.cvat.access import CvatAccess
from labelloop.adapters.cvat.client import CvatServer, connect
from labelloop.adapters.cvat.frames import download_frames
from labelloop.adapters.cvat.jobs import complete_job, delete_frames, jobs_of_task
from labelloop.adapters.cvat.pull import content, tasks_of_project
from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.server.world import Api, rectangle

LABELS = [
    {"name": "cell", "attributes": [
        {"name": "kind", "mutable": True, "input_type": "select", "default_value": "a", "values": ["a", "b"]},
        {"name": "note", "mutable": False, "input_type": "text", "default_value": "", "values": [""]},
    ]},
    {"name": "fish", "type": "skeleton", "svg": "<circle/>", "sublabels": [{"name": "head", "type": "points"}]},
    {"name": "Ünïcode & co"},
]  # fmt: skip


@pytest.fixture
def ours(server: SandboxServer) -> CvatServer:
    return connect(CvatAccess(server.url, server.credentials.token))


@pytest.fixture
def filled(api: Api, ours: CvatServer, make_task: Any) -> tuple[int, int]:
    """A project, and a task of it with every kind of annotation, a deleted frame and a finished job."""
    project = api.call("POST", "/api/projects", json={"name": "to be kept", "labels": LABELS}).json()["id"]
    found = {one["name"]: one for one in api.get(f"/api/labels?project_id={project}").json()["results"]}
    cell, fish, plain = (found[label["name"]] for label in LABELS)
    task = make_task(frames=5, project_id=project, subset="Train")
    specs = {spec["name"]: spec["id"] for spec in cell["attributes"]}
    key = {"type": "rectangle", "points": [1, 1, 9, 9], "attributes": [{"spec_id": specs["kind"], "value": "b"}]}
    part = {"type": "points", "label_id": fish["sublabels"][0]["id"], "frame": 1, "points": [3, 4]}
    body = {
        "shapes": [
            rectangle(cell["id"], attributes=[{"spec_id": specs["note"], "value": "odd"}], rotation=12.5, z_order=2),
            {"type": "skeleton", "label_id": fish["id"], "frame": 1, "points": [], "elements": [part]},
            {"type": "polygon", "label_id": plain["id"], "frame": 4, "points": [1, 1, 9, 1, 9, 9], "occluded": True},
        ],
        "tags": [{"label_id": plain["id"], "frame": 2}],
        "tracks": [{"label_id": cell["id"], "frame": 2, "shapes": [{**key, "frame": 2}, {**key, "frame": 3}]}],
    }
    assert api.call("PUT", f"/api/tasks/{task}/annotations", json=body).status_code == 200
    delete_frames(ours, task, [3])
    complete_job(ours, jobs_of_task(ours, task)[0].job_id)
    return project, task


def seen(server: CvatServer, task: int) -> list[dict[str, Any]]:
    """What a task holds, without the ids that a server gives."""
    return [_without_ids(asdict(frame)) for frame in content(server, task).frames]


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_ids(one) for key, one in value.items() if key not in {"id", "label_id", "spec_id", "job_id"}
        }
    return [_without_ids(one) for one in value] if isinstance(value, list | tuple) else value


def images(server: CvatServer, task: int, folder: Path) -> list[tuple[str, str]]:
    return [(frame.name, frame.sha256) for frame in download_frames(server, task, folder)]


def test_a_task_is_restored_as_it_was(
    client: Client, ours: CvatServer, filled: tuple[int, int], tmp_path: Path
) -> None:
    _, task = filled
    client.tasks.retrieve(task).download_backup(tmp_path / "task.zip")
    restored = client.tasks.create_from_backup(tmp_path / "task.zip")
    assert restored.id != task
    assert (restored.project_id, restored.subset, restored.name) == (None, "Train", "t")
    assert seen(ours, restored.id) == seen(ours, task)
    states = [(job.start_frame, job.stop_frame, job.stage, job.state) for job in jobs_of_task(ours, task)]
    assert [(j.start_frame, j.stop_frame, j.stage, j.state) for j in jobs_of_task(ours, restored.id)] == states
    assert images(ours, restored.id, tmp_path / "b") == images(ours, task, tmp_path / "a")


def test_a_project_is_restored_with_its_tasks(
    api: Api, client: Client, ours: CvatServer, filled: tuple[int, int], make_task: Any, tmp_path: Path
) -> None:
    project, task = filled
    other = make_task(frames=1, project_id=project, subset="Test")
    client.projects.retrieve(project).download_backup(tmp_path / "project.zip")
    restored = client.projects.create_from_backup(tmp_path / "project.zip")
    tasks = tasks_of_project(ours, restored.id)
    assert [one.subset for one in tasks] == ["Train", "Test"]
    assert [seen(ours, one.task_id) for one in tasks] == [seen(ours, task), seen(ours, other)]
    assert {label.name for label in restored.get_labels()} == {str(label["name"]) for label in LABELS}


def test_a_backup_of_a_backup_restores_the_same(
    client: Client, ours: CvatServer, filled: tuple[int, int], tmp_path: Path
) -> None:
    _, task = filled
    client.tasks.retrieve(task).download_backup(tmp_path / "1.zip")
    client.tasks.create_from_backup(tmp_path / "1.zip").download_backup(tmp_path / "2.zip")
    assert seen(ours, client.tasks.create_from_backup(tmp_path / "2.zip").id) == seen(ours, task)


def test_a_backup_may_come_in_one_form(api: Api, ours: CvatServer, filled: tuple[int, int]) -> None:
    _, task = filled
    request = api.wait(api.call("POST", f"/api/tasks/{task}/backup/export").json()["rq_id"])
    saved = api.get(request["result_url"].removeprefix(api.url)).content
    reply = api.call("POST", "/api/tasks/backup", files={"task_file": ("b.zip", saved)})
    assert reply.status_code == 202
    assert seen(ours, api.wait(reply.json()["rq_id"])["result_id"]) == seen(ours, task)


@pytest.mark.parametrize("damage", ["no archive", "empty archive", "a project for a task", "a missing image"])
def test_what_is_no_backup_restores_nothing(
    api: Api, client: Client, filled: tuple[int, int], tmp_path: Path, damage: str
) -> None:
    project, task = filled
    path = tmp_path / "bad.zip"
    if damage == "no archive":
        path.write_bytes(b"PK")
    elif damage == "empty archive":
        zipfile.ZipFile(path, "w").close()
    elif damage == "a project for a task":
        client.projects.retrieve(project).download_backup(path)
    else:
        client.tasks.retrieve(task).download_backup(tmp_path / "good.zip")
        with zipfile.ZipFile(tmp_path / "good.zip") as good, zipfile.ZipFile(path, "w") as bad:
            for name in good.namelist():
                if name != "data/4.jpg":
                    bad.writestr(name, good.read(name))
    before = api.get("/api/tasks").json()["count"]
    reply = api.call("POST", "/api/tasks/backup", files={"task_file": ("b.zip", path.read_bytes())})
    request = api.wait(reply.json()["rq_id"])
    assert (request["status"], request["result_id"]) == ("failed", None)
    assert request["message"] == "ValueError: This is no backup that this server has made\n"
    assert api.get("/api/tasks").json()["count"] == before


def test_a_project_whose_task_cannot_be_restored_is_not_restored_either(
    api: Api, client: Client, filled: tuple[int, int], tmp_path: Path
) -> None:
    client.projects.retrieve(filled[0]).download_backup(tmp_path / "good.zip")
    with zipfile.ZipFile(tmp_path / "good.zip") as good, zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name) if name != "task_0/annotations.json" else "[]")
    before = [api.get(f"/api/{noun}").json()["count"] for noun in ("projects", "tasks", "jobs")]
    content = (tmp_path / "bad.zip").read_bytes()
    reply = api.call("POST", "/api/projects/backup", files={"project_file": ("b.zip", content)})
    assert api.wait(reply.json()["rq_id"])["status"] == "failed"
    assert [api.get(f"/api/{noun}").json()["count"] for noun in ("projects", "tasks", "jobs")] == before
