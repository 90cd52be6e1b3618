"""What a connection depends on: whom CVAT lets in, how it lists, and how it says no."""

from collections.abc import Callable
from typing import Any

import pytest

from labelloop.adapters.cvat import client
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import change_shapes, rectangle
from labelloop.adapters.cvat.projects import ProjectRef, find_or_create_project
from labelloop.adapters.cvat.pull import tasks_of_project
from labelloop.adapters.cvat.push import push_task
from labelloop.adapters.cvat.refusals import CvatRefusedError
from labelloop.core.errors import CvatUnreachableError
from labelloop_tests.cvat_world import CLASSES, MakeSpec

NOBODY = 999_999_999


def test_who_is_logged_in_is_not_throttled(server: CvatServer):
    """Anonymous requests are, at a hundred a minute."""
    names = {server.get("/api/users/self", "asking who we are")["username"] for _ in range(110)}
    assert len(names) == 1


def test_what_is_read_comes_compressed(server: CvatServer, monkeypatch: Any):
    seen: list[tuple[str, str]] = []
    pool = server._pool._pool

    class Seeing:
        def request(self, method: str, url: str, **options: Any) -> Any:
            response = pool.request(method, url, **options)
            seen.append((method, response.headers.get("Content-Encoding", "")))
            return response

    monkeypatch.setattr(server._pool, "_pool", Seeing())
    assert server.get("/api/server/annotation/formats", "reading formats")["exporters"]
    assert seen == [("GET", "gzip")]


def test_plain_json_is_not_to_be_asked_for(server: CvatServer):
    with pytest.raises(CvatRefusedError) as caught:
        server._send("GET", "/api/users/self", "asking for plain JSON", headers={"Accept": "application/json"})
    assert caught.value.status == 406


def test_a_list_has_pages_of_ten_and_ours_has_all(server: CvatServer, project_name: str, monkeypatch: Any):
    classes = [f"class {number}" for number in range(12)]
    project = find_or_create_project(server, project_name, classes)
    assert list(project.label_ids) == classes
    page = server.get("/api/labels", "reading a page", project_id=project.id)
    assert (page["count"], len(page["results"]), bool(page["next"])) == (12, 10, True)
    monkeypatch.setattr(client, "PAGE_SIZE", 5)
    listed = server.list_all("/api/labels", "reading all pages", project_id=project.id)
    assert sorted(label["id"] for label in listed) == sorted(project.label_ids.values())


def test_a_page_of_five_hundred_is_given(server: CvatServer, project: ProjectRef):
    before = server.requests
    assert len(server.list_all("/api/labels", "reading labels", project_id=project.id)) == len(CLASSES)
    assert server.requests - before == 1


def test_tasks_are_listed_newest_first_and_ours_oldest_first(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec
):
    ids = [push_task(server, project, make_spec(1, key=f"key {number}")).task_id for number in range(3)]
    listed = server.get("/api/tasks", "listing tasks", project_id=project.id)["results"]
    assert [task["id"] for task in listed] == ids[::-1]
    assert [task.task_id for task in tasks_of_project(server, project.id)] == ids


def test_a_filter_by_project_leaves_other_projects_out(
    server: CvatServer, project: ProjectRef, project_name: str, make_spec: MakeSpec
):
    other = find_or_create_project(server, f"{project_name} the other", ["cat"])
    push_task(server, other, make_spec(1))
    assert tasks_of_project(server, project.id) == []
    assert server.list_all("/api/jobs", "listing jobs", project_id=project.id) == []
    assert len(server.list_all("/api/jobs", "listing jobs", project_id=other.id)) == 1


REFUSALS: dict[str, tuple[Callable[[CvatServer, int, int], Any], int, str]] = {
    "an object with a detail": (lambda server, *_: server.get(f"/api/tasks/{NOBODY}", "reading"), 404, "No Task match"),
    "fields": (
        lambda server, _, job: server.write("PATCH", f"/api/jobs/{job}", "moving on", {"state": "nope"}),
        400,
        "state: .*not a valid choice",
    ),
    "nested fields": (
        lambda server, label, job: change_shapes(server, job, "create", [rectangle(label, 0, [1, 2, 3])]),
        400,
        "points: invalid length",
    ),
    "a list": (
        lambda server, _, job: change_shapes(server, job, "create", [rectangle(NOBODY, 0, [1, 2, 3, 4])]),
        400,
        "label_id `999999999` is invalid",
    ),
    "plain text": (
        lambda server, *_: server.get(f"/api/requests/action%3Dcreate%26target%3Dtask%26target_id%3D{NOBODY}", "x"),
        404,
        "no request with specified id",
    ),
    "a field that cannot be written": (
        lambda server, _, job: server.write("PATCH", f"/api/jobs/{job}", "writing", {"status": "completed"}),
        403,
        "unknown field",
    ),
    "an unknown term": (
        lambda server, *_: server.get("/api/tasks", "filtering", filter='{"==": [{"var": "nope"}, 1]}'),
        400,
        "term 'nope' is not supported",
    ),
    "a page too far": (lambda server, *_: server.get("/api/tasks", "listing", page=NOBODY), 404, "Invalid page"),
}  # fmt: skip


@pytest.fixture
def job(server: CvatServer, project: ProjectRef, make_spec: MakeSpec) -> int:
    return push_task(server, project, make_spec(1)).job_ids[0]


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_readable_whatever_its_form(server: CvatServer, project: ProjectRef, job: int, kind: str):
    call, status, words = REFUSALS[kind]
    with pytest.raises(CvatRefusedError, match=words) as caught:
        call(server, project.label_ids["cat"], job)
    assert caught.value.status == status


def test_a_bare_text_is_readable(server: CvatServer, project: ProjectRef, make_spec: MakeSpec):
    task = push_task(server, project, make_spec(1))
    with pytest.raises(CvatRefusedError, match="Adding more data is not supported"):
        server.upload(f"/api/tasks/{task.task_id}/data/", "uploading more", "Upload-Start")


def test_a_page_of_html_is_a_server_in_trouble(server: CvatServer, project: ProjectRef):
    half = server.write("POST", "/api/tasks", "making half a task", {"name": "half", "project_id": project.id})
    with pytest.raises(CvatUnreachableError, match=r"500: Server Error \(500\)"):
        server.get(f"/api/tasks/{half['id']}/data/meta", "reading frames")
