"""What bites clients of CVAT bites clients of the sandbox: one test per behaviour.

What the recorded exchanges and the other tests of this folder show already is not shown again.
"""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.server.controls import Controls
from labelloop_tests.sandbox.server.world import Api, encoded, get, post, rectangle


@dataclass(frozen=True)
class Stage:
    """A server with a project, a filled task of three frames in jobs of two, and a user who is no admin."""

    api: Api
    other: Api
    controls: Controls
    project: int
    task: int
    label: int

    @property
    def jobs(self) -> list[dict]:
        found = self.api.get(f"/api/jobs?task_id={self.task}").json()["results"]
        return sorted(found, key=lambda job: job["start_frame"])

    @property
    def annotations(self) -> str:
        return f"/api/tasks/{self.task}/annotations"

    def put(self, *shapes: dict) -> list[dict]:
        return list(self.api.call("PUT", self.annotations, json={"shapes": list(shapes)}).json()["shapes"])

    def export(self, **query: str) -> requests.Response:
        given = {"format": "COCO 1.0", "save_images": "True", **query}
        return self.api.call("POST", f"/api/tasks/{self.task}/dataset/export", params=given)


class Keyed(Api):
    """An API spoken with a login key, as somebody without an access token does."""

    def call(self, method: str, path: str, **options) -> requests.Response:
        headers = {"Authorization": f"Token {self.token}", **options.pop("headers", {})}
        return super().call(method, path, headers=headers, **options)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    data = tmp_path_factory.mktemp("facts") / "state"
    with SandboxServer(data, anonymous_limit=0, fault_key="sesame") as server:
        controls, api = Controls(server), Api(server.url, server.credentials.token)
        controls.register("ann", "a-password")
        key = post(f"{server.url}/api/auth/login", json={"username": "ann", "password": "a-password"}).json()["key"]
        spec = {"name": "facts", "labels": [{"name": "a"}, {"name": "boxes", "type": "rectangle"}]}
        project = api.call("POST", "/api/projects", json=spec).json()["id"]
        task = api.call("POST", "/api/tasks", json={"name": "t", "project_id": project, "segment_size": 2}).json()["id"]
        api.upload(task, {name: encoded(red=ord(name[0])) for name in ("c.jpg", "B.jpg", "a.jpg")})
        label = api.get(f"/api/labels?project_id={project}").json()["results"][0]["id"]
        yield Stage(api, Keyed(server.url, key), controls, project, task, label)


def test_one_bad_picture_cannot_be_made_good_by_sending_it_again(stage: Stage) -> None:
    task = stage.api.new_task()
    assert stage.api.upload(task, {"ok.jpg": encoded(), "bad.jpg": b"\xff\xd8\xff\xe0broken"})["status"] == "failed"
    stage.api.send(task, {"bad.jpg": encoded()})
    assert stage.api.finish(task)["status"] == "failed"
    assert stage.api.get(f"/api/tasks/{task}").json()["size"] == 0


def test_two_projects_may_have_one_name(stage: Stage) -> None:
    made = [stage.api.call("POST", "/api/projects", json={"name": "same"}) for _ in range(2)]
    assert [reply.status_code for reply in made] == [201, 201]


def test_deleting_a_project_deletes_its_tasks(stage: Stage) -> None:
    project = stage.api.call("POST", "/api/projects", json={"name": "short"}).json()["id"]
    task = stage.api.call("POST", "/api/tasks", json={"name": "t", "project_id": project}).json()["id"]
    stage.api.call("DELETE", f"/api/projects/{project}")
    assert stage.api.get(f"/api/tasks/{task}").status_code == 404


def test_the_status_of_a_project_says_nothing(stage: Stage) -> None:
    for job in stage.jobs:
        stage.api.call("PATCH", f"/api/jobs/{job['id']}", json={"stage": "acceptance", "state": "completed"})
    assert stage.api.get(f"/api/tasks/{stage.task}").json()["status"] == "completed"
    assert stage.api.get(f"/api/projects/{stage.project}").json()["status"] == "annotation"


def test_a_task_with_neither_project_nor_labels_is_taken(stage: Stage) -> None:
    assert stage.api.call("POST", "/api/tasks", json={"name": "useless"}).status_code == 201


def test_frames_that_overlap_are_in_two_jobs(stage: Stage) -> None:
    task = stage.api.new_task(segment_size=3, overlap=1)
    stage.api.upload(task, {f"{n}.jpg": encoded() for n in range(5)})
    jobs = stage.api.get(f"/api/jobs?task_id={task}").json()["results"]
    assert [(job["start_frame"], job["stop_frame"]) for job in jobs] == [(2, 4), (0, 2)]


def test_nothing_is_clipped_rounded_or_held_against_the_type_of_its_label(stage: Stage) -> None:
    boxes = stage.api.get(f"/api/labels?project_id={stage.project}").json()["results"][1]["id"]
    points = [-5.0, -7.25, 700.123456789, 4.0]
    stage.put(
        rectangle(stage.label, points=points),
        {"type": "polygon", "label_id": boxes, "frame": 0, "points": [1, 2, 3, 4, 5, 6], "source": "my own model"},
    )
    first, second = stage.api.get(stage.annotations).json()["shapes"]
    assert first["points"] == points
    assert (second["type"], second["source"], second["group"]) == ("polygon", "my own model", None)


def test_the_last_writer_wins_and_the_version_stays_zero(stage: Stage) -> None:
    stage.put(rectangle(stage.label))
    stage.put(rectangle(stage.label, frame=1))
    content = stage.api.get(stage.annotations).json()
    assert (content["version"], [shape["frame"] for shape in content["shapes"]]) == (0, [1])


def test_deleted_frames_are_left_out_of_exports_with_their_shapes(stage: Stage) -> None:
    stage.put(rectangle(stage.label, frame=0), rectangle(stage.label, frame=1))
    meta = f"/api/tasks/{stage.task}/data/meta"
    stage.api.call("PATCH", meta, json={"deleted_frames": [1]})
    content = stage.api.export(f"/api/tasks/{stage.task}", "CVAT for images 1.1", images=True)
    stage.api.call("PATCH", meta, json={"deleted_frames": []})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == ["annotations.xml", "images/B.jpg", "images/c.jpg"]
        assert archive.read("annotations.xml").count(b"<box") == 1
    assert len(stage.api.get(stage.annotations).json()["shapes"]) == 2


def test_the_list_of_deleted_frames_replaces_the_one_before(stage: Stage) -> None:
    meta = f"/api/tasks/{stage.task}/data/meta"
    for frames in ([1], [2], []):
        assert stage.api.call("PATCH", meta, json={"deleted_frames": frames}).json()["deleted_frames"] == frames


def test_the_same_export_asked_for_twice_is_one_request(stage: Stage) -> None:
    stage.controls.hold("queued")
    replies = [stage.export(), stage.export()]
    stage.controls.release()
    assert [reply.status_code for reply in replies] == [202, 202]
    assert replies[0].json() == replies[1].json()
    assert stage.api.wait(replies[0].json()["rq_id"])["status"] == "finished"


def test_an_export_is_kept_for_a_day(stage: Stage) -> None:
    rq_id = stage.export().json()["rq_id"]
    stage.api.wait(rq_id)
    stage.controls.advance(23 * 3600)
    assert stage.api.get(f"/api/requests/{rq_id}").status_code == 200
    stage.controls.advance(3601)
    assert stage.api.get(f"/api/requests/{rq_id}").status_code == 404


def test_the_request_of_somebody_else_is_not_shown(stage: Stage) -> None:
    rq_id = stage.export().json()["rq_id"]
    assert stage.other.get(f"/api/requests/{rq_id}").status_code == 403
    assert stage.other.get("/api/requests").json()["count"] == 0


def test_a_name_that_is_no_filter_is_ignored(stage: Stage) -> None:
    everything = stage.api.get("/api/tasks").json()["count"]
    assert stage.api.get("/api/tasks?projectId=1").json()["count"] == everything
    assert stage.api.get("/api/tasks?projectId=99999").json()["count"] == everything


@pytest.mark.parametrize(("rule", "found"), [
    ('{"in": [{"var": "status"}, ["completed", "validation"]]}', {"t"}),
    ('{"in": ["act", {"var": "project_name"}]}', {"t"}),
    ('{"and": [{"==": [{"var": "name"}, "t"]}, {"!": {"==": [{"var": "subset"}, "x"]}}]}', {"t"}),
    ('{"or": [{"==": [{"var": "name"}, "nope"]}, {"==": [{"var": "name"}, "t"]}]}', {"t"}),
    ('{">": [{"var": "updated_date"}, "2100-01-01T00:00:00Z"]}', set()),
])  # fmt: skip
def test_json_logic_finds(stage: Stage, rule: str, found: set[str]) -> None:
    for job in stage.jobs:
        stage.api.call("PATCH", f"/api/jobs/{job['id']}", json={"stage": "acceptance", "state": "completed"})
    rows = stage.api.get("/api/tasks", params={"filter": rule, "page_size": "all"}).json()["results"]
    assert {row["name"] for row in rows} == found


def test_a_date_that_is_none_is_a_500(stage: Stage) -> None:
    rule = '{">": [{"var": "updated_date"}, "yesterday"]}'
    reply = stage.api.get("/api/tasks", params={"filter": rule})
    assert (reply.status_code, reply.headers["content-type"]) == (500, "text/html; charset=utf-8")


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_client_that_does_not_take_cvats_own_type_gets_nothing(stage: Stage, accept: str) -> None:
    assert stage.api.get("/api/tasks", headers={"Accept": accept}).status_code == 406


def test_errors_have_six_shapes(stage: Stage) -> None:
    api, empty = stage.api, stage.api.new_task()
    patched = api.call("PATCH", f"/api/jobs/{stage.jobs[0]['id']}", json={"state": "nope"})
    bodies = {
        "detail": api.get("/api/tasks/99999").json(),
        "fields": patched.json(),
        "list": api.call("POST", "/api/tasks", json={"name": "x", "project_id": 99999}).json(),
        "string": api.get(f"/api/tasks/{stage.task}/data?type=frame&number=99&quality=original").json(),
        "text": api.get("/api/requests/nope").text,
        "page": api.get(f"/api/tasks/{empty}/data/meta").text,
    }
    assert bodies["detail"] == {"detail": "No Task matches the given query."}
    assert bodies["fields"] == {"state": ['"nope" is not a valid choice.']}
    assert bodies["list"] == ["Project matching query does not exist."]
    assert bodies["string"] == "Invalid frame '99'. The frame number should be in the [0, 3] range"
    assert bodies["text"] == "There is no request with specified id"
    assert "<h1>Server Error (500)</h1>" in bodies["page"]


def test_a_jobs_assignee_has_the_job_and_its_state_but_not_its_stage_and_not_the_task(stage: Stage) -> None:
    job, person = f"/api/jobs/{stage.jobs[0]['id']}", stage.other.get("/api/users/self").json()["id"]
    assert stage.other.get(job).status_code == 403
    assert stage.api.call("PATCH", job, json={"assignee": person}).status_code == 200
    assert stage.other.get(job).status_code == 200
    assert [row["url"].endswith(job) for row in stage.other.get("/api/jobs").json()["results"]] == [True]
    assert stage.other.call("PATCH", job, json={"state": "in progress"}).status_code == 200
    assert stage.other.call("PATCH", job, json={"stage": "acceptance"}).status_code == 403
    shapes = {"shapes": [rectangle(stage.label)]}
    assert stage.other.call("PATCH", f"{job}/annotations?action=create", json=shapes).status_code == 200
    assert stage.other.get(f"{job}/data?type=frame&number=0&quality=original").status_code == 200
    assert stage.other.get(f"/api/tasks/{stage.task}").status_code == 403
    assert stage.other.get(stage.annotations).status_code == 403
    assert stage.other.get(f"/api/labels?job_id={job.rsplit('/', 1)[-1]}").json()["count"] == 2
    stage.api.call("PATCH", job, json={"assignee": None})


@pytest.mark.parametrize("path", ["projects", "tasks", "jobs", "webhooks", "labels"])
def test_what_belongs_to_others_is_not_listed(stage: Stage, path: str) -> None:
    assert stage.other.get(f"/api/{path}").json()["count"] == 0


def test_somebody_who_is_no_admin_works_in_projects_of_their_own(stage: Stage) -> None:
    refused = stage.other.call("POST", "/api/tasks", json={"name": "mine", "project_id": stage.project})
    assert refused.status_code == 403
    project = stage.other.call("POST", "/api/projects", json={"name": "mine", "labels": [{"name": "a"}]}).json()["id"]
    task = stage.other.call("POST", "/api/tasks", json={"name": "mine", "project_id": project}).json()["id"]
    assert stage.other.upload(task, {"a.jpg": encoded()})["status"] == "finished"
    stage.other.call("DELETE", f"/api/projects/{project}")


def test_the_list_of_a_page_that_was_asked_for_whole_is_whole(stage: Stage) -> None:
    listed = stage.api.get("/api/tasks?page_size=all").json()
    assert (len(listed["results"]), listed["next"]) == (listed["count"], None)


def test_the_secret_of_a_webhook_is_never_shown(stage: Stage) -> None:
    spec = {"target_url": "http://127.0.0.1:9/", "type": "project", "events": ["update:task"],
            "project_id": stage.project, "secret": "hush"}  # fmt: skip
    hook = stage.api.call("POST", "/api/webhooks", json=spec)
    assert "hush" not in hook.text + stage.api.get("/api/webhooks").text
    stage.api.call("DELETE", f"/api/webhooks/{hook.json()['id']}")


@pytest.mark.parametrize("change", [
    {"target_url": "file:///etc/passwd"}, {"events": []}, {"events": ["earthquake"]}, {"type": "organization"},
    {"project_id": 99999},
])  # fmt: skip
def test_a_webhook_that_makes_no_sense_is_refused(stage: Stage, change: dict) -> None:
    spec = {"target_url": "http://127.0.0.1:9/", "type": "project", "events": ["update:task"],
            "project_id": stage.project, **change}  # fmt: skip
    reply = stage.api.call("POST", "/api/webhooks", json=spec)
    assert reply.status_code == 400
    assert set(reply.json()) == set(change)


def test_a_login_is_an_anonymous_request_and_needs_no_token(stage: Stage) -> None:
    assert get(f"{stage.api.url}/api/server/about").status_code == 200
    assert get(f"{stage.api.url}/api/tasks").status_code == 401


def test_a_backup_holds_pictures_and_annotations(stage: Stage) -> None:
    stage.put(rectangle(stage.label))
    rq_id = stage.api.call("POST", f"/api/tasks/{stage.task}/backup/export").json()["rq_id"]
    address = stage.api.wait(rq_id)["result_url"].removeprefix(stage.api.url)
    with zipfile.ZipFile(io.BytesIO(stage.api.get(address).content)) as archive:
        assert sorted(archive.namelist()) == [
            "annotations.json", "data/B.jpg", "data/a.jpg", "data/c.jpg", "task.json",
        ]  # fmt: skip
        assert b'"rectangle"' in archive.read("annotations.json")


def test_a_ground_truth_job_counts_and_blocks_and_keeps_its_annotations_to_itself(stage: Stage) -> None:
    for job in stage.jobs:
        stage.api.call("PATCH", f"/api/jobs/{job['id']}", json={"stage": "acceptance", "state": "completed"})
    stage.put(rectangle(stage.label))
    spec = {"type": "ground_truth", "task_id": stage.task, "frame_selection_method": "manual", "frames": [0, 2]}
    made = stage.api.call("POST", "/api/jobs", json=spec)
    assert (made.status_code, made.json()["frame_count"], made.json()["type"]) == (201, 2, "ground_truth")
    assert stage.api.call("POST", "/api/jobs", json=spec).status_code == 400
    task = stage.api.get(f"/api/tasks/{stage.task}").json()
    assert (task["status"], task["jobs"]["count"], task["validation_mode"]) == ("annotation", 3, "gt")
    path = f"/api/jobs/{made.json()['id']}"
    assert stage.api.get(f"{path}/data/meta").json()["included_frames"] == [0, 2]
    stage.api.call("PUT", f"{path}/annotations", json={"shapes": [rectangle(stage.label), rectangle(stage.label)]})
    assert len(stage.api.get(stage.annotations).json()["shapes"]) == 1
    assert len(stage.api.get(f"{path}/annotations").json()["shapes"]) == 2
    annotated = next(job for job in stage.jobs if job["type"] == "annotation")
    assert stage.api.call("DELETE", f"/api/jobs/{annotated['id']}").status_code == 400
    assert stage.api.call("DELETE", path).status_code == 204
    assert stage.api.get(f"/api/tasks/{stage.task}").json()["status"] == "completed"


@pytest.mark.parametrize("change", [
    {"type": "annotation"}, {"frame_selection_method": "guess"}, {"frames": [99]}, {"frames": []}, {"task_id": 99999},
])  # fmt: skip
def test_a_ground_truth_job_that_makes_no_sense_is_refused(stage: Stage, change: dict) -> None:
    spec = {"type": "ground_truth", "task_id": stage.task, "frame_selection_method": "manual", "frames": [0], **change}
    assert stage.api.call("POST", "/api/jobs", json=spec).status_code == 400
