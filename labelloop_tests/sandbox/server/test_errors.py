"""The six shapes of error bodies, each where CVAT has it."""

import json

import pytest

from labelloop_tests.sandbox.server.world import Api, get

CASES = {
    "no credentials": ("GET", "/api/tasks", {"headers": {"Authorization": ""}}, 401,
                       {"detail": "Authentication credentials were not provided."}),
    "wrong password": ("POST", "/api/auth/login",
                       {"json": {"username": "sandbox", "password": "x"}, "headers": {"Authorization": ""}}, 400,
                       {"non_field_errors": ["Unable to log in with provided credentials."]}),
    "unknown task": ("GET", "/api/tasks/99999", {}, 404, {"detail": "No Task matches the given query."}),
    "unknown project": ("GET", "/api/projects/99999", {}, 404, {"detail": "No Project matches the given query."}),
    "JSON not accepted": ("GET", "/api/tasks", {"headers": {"Accept": "application/json"}}, 406,
                          {"detail": "Could not satisfy the request Accept header."}),
    "organization": ("GET", "/api/tasks", {"headers": {"X-Organization": "nope"}}, 404,
                     {"detail": "nope organization does not exist."}),
    "page past the end": ("GET", "/api/tasks?page=99", {}, 404, {"detail": "Invalid page."}),
    "filter that is no JSON": ("GET", '/api/tasks?filter={"bad', {}, 400,
        ["filter: can't parse filter expression: Unterminated string starting at: line 1 column 2 (char 1)"]),
    "filter by an unknown term": ("GET", '/api/tasks?filter={"==":[{"var":"nope"},1]}', {}, 400,
                                  ["filter: term 'nope' is not supported"]),
    "filter without arguments": ("GET", '/api/tasks?filter={"!":[]}', {}, 400,
                                 ["filter: '!' operation with [] arguments is not implemented"]),
    "filter by no date": ("GET", '/api/tasks?filter={"<":[{"var":"updated_date"},"soon"]}', {}, 500, "html"),
    "labels of one name": ("POST", "/api/projects", {"json": {"name": "d", "labels": [{"name": "a"}, {"name": "a"}]}},
                           400, ["All label names must be unique"]),
    "task of no project": ("POST", "/api/tasks", {"json": {"name": "x", "project_id": 99999}}, 400,
                           ["Project matching query does not exist."]),
    "name too long": ("POST", "/api/projects", {"json": {"name": "n" * 257}}, 400,
                      {"name": ["Ensure this field has no more than 256 characters."]}),
    "subset too long": ("POST", "/api/tasks", {"json": {"name": "n", "subset": "s" * 65}}, 400,
                        {"subset": ["Ensure this field has no more than 64 characters."]}),
    "no name": ("POST", "/api/tasks", {"json": {}}, 400, {"name": ["This field is required."]}),
    "unknown request": ("GET", "/api/requests/action%3Dcreate%26target%3Dtask%26target_id%3D99999", {}, 404,
                        "There is no request with specified id"),
    "method": ("PUT", "/api/tasks", {}, 405, {"detail": 'Method "PUT" not allowed.'}),
    "JSON that is none": ("POST", "/api/projects", {"data": "{"}, 400, "JSON parse error"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_has_the_status_and_the_body_that_cvat_gives(api: Api, case: str) -> None:
    method, path, options, status, body = CASES[case]
    reply = api.call(method, path, **options)
    assert reply.status_code == status
    if isinstance(body, str):
        assert ("<h1>Server Error (500)</h1>" if body == "html" else body) in reply.text
    else:
        assert reply.json() == body


def test_a_401_names_the_scheme(api: Api) -> None:
    assert get(f"{api.url}/api/tasks").headers["WWW-Authenticate"] == "Token"


def test_a_task_without_data_fails_in_three_different_ways(api: Api) -> None:
    task_id = api.new_task()
    assert api.get(f"/api/tasks/{task_id}/data/meta").status_code == 500
    annotations = api.get(f"/api/tasks/{task_id}/annotations")
    assert annotations.status_code == 400
    assert annotations.text == "Exporting annotations from a task without data is not allowed"
    query = {"format": "COCO 1.0", "save_images": "True"}
    export = api.call("POST", f"/api/tasks/{task_id}/dataset/export", params=query)
    assert export.status_code == 202
    assert api.wait(export.json()["rq_id"])["status"] == "failed"


def test_a_task_without_data_has_no_size(api: Api) -> None:
    task = api.get(f"/api/tasks/{api.new_task()}").json()
    assert "size" not in task
    assert json.dumps(task["overlap"]) == "null"


@pytest.mark.parametrize("body", [{"status": "completed"}, {"segment_size": 3}, {"id": 1}, {"nope": 1}])
def test_a_field_that_cannot_be_written_is_a_403(api: Api, body: dict) -> None:
    refused = api.call("PATCH", f"/api/tasks/{api.new_task()}", json=body)
    assert (refused.status_code, refused.json()) == (403, {"detail": "Attempted to update an unknown field"})


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_name_is_refused_everywhere(api: Api, host: str) -> None:
    for path in ("/", "/tasks/1", "/api/server/about"):
        assert api.get(path, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:3"])
def test_a_loopback_name_is_served(api: Api, host: str) -> None:
    assert api.get("/api/server/about", headers={"Host": host}).json()["version"] == "2.54.1"
