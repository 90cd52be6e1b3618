"""What goes wrong on purpose: one server for all, reset between tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from labelloop.core.errors import ConfigError
from labelloop.sandbox.server.process import Options, serve
from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.server.controls import Controls
from labelloop_tests.sandbox.server.receiver import Receiver, receiving
from labelloop_tests.sandbox.server.world import Api, encoded, get, rectangle

BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    with SandboxServer(tmp_path_factory.mktemp("faulty") / "state", anonymous_limit=0, fault_key="sesame") as running:
        yield running


@pytest.fixture
def controls(faulty: SandboxServer) -> Controls:
    control = Controls(faulty)
    control.reset()
    return control


@pytest.fixture
def own(faulty: SandboxServer, controls: Controls) -> Api:
    return Api(faulty.url, faulty.credentials.token)


@pytest.fixture
def task(own: Api) -> int:
    """A task of two frames, of its own labels, in jobs of one."""
    task_id = own.new_task(segment_size=1)
    own.upload(task_id, {"a.jpg": encoded(), "b.jpg": encoded(red=7)})
    return task_id


def _projects(api: Api) -> int:
    return int(api.get("/api/projects").json()["count"])


def _create(api: Api) -> requests.Response:
    return api.call("POST", "/api/projects", json={"name": "p"})


def _label(api: Api, task_id: int) -> dict:
    return api.get(f"/api/labels?task_id={task_id}").json()["results"][0]


def _jobs(api: Api, task_id: int) -> list[dict]:
    return sorted(api.get(f"/api/jobs?task_id={task_id}").json()["results"], key=lambda job: job["start_frame"])


@pytest.mark.parametrize(("kind", "status", "kept", "header", "says"), [
    ("gateway_timeout", 504, 1, None, "504 Gateway Time-out"),
    ("unavailable", 502, 0, None, "502 Bad Gateway"),
    ("server_error", 500, 0, None, "Server Error (500)"),
    ("too_many", 429, 0, "7", '"Request was throttled. Expected available in 7 seconds."'),
    ("busy_chunks", 429, 0, "10", ""),
])  # fmt: skip
def test_a_request_is_answered_wrongly_once(own: Api, controls: Controls, kind, status, kept, header, says) -> None:
    controls.add(kind, method="POST", path="^/api/projects$", seconds=7)
    reply = _create(own)
    assert (reply.status_code, reply.headers.get("Retry-After")) == (status, header)
    assert says in reply.text
    assert ("content-type" in reply.headers) == bool(says)
    assert _projects(own) == kept
    assert _create(own).status_code == 201


@pytest.mark.parametrize(("kind", "kept"), [("lost_reply", 1), ("reset", 0)])
def test_a_connection_is_reset_after_or_before_the_work_was_done(own: Api, controls: Controls, kind, kept) -> None:
    controls.add(kind, method="POST", path="^/api/projects$")
    with pytest.raises(BROKEN):
        _create(own)
    assert _projects(own) == kept


def test_an_upload_that_is_reset_in_the_middle_leaves_nothing_and_can_be_sent_again(
    own: Api, controls: Controls
) -> None:
    task_id, files = own.new_task(), {"a.jpg": encoded(size=(900, 700)) + bytes(3_000_000)}
    controls.add("reset", header="upload-multiple", number=500_000)
    with pytest.raises(BROKEN):
        own.send(task_id, files)
    assert own.send(task_id, files).status_code == 200
    assert own.finish(task_id)["status"] == "finished"


def test_an_answer_may_end_in_the_middle(own: Api, controls: Controls, task: int) -> None:
    controls.add("cut_short", path="type=chunk")
    with pytest.raises(BROKEN):
        own.get(f"/api/tasks/{task}/data?type=chunk&number=0&quality=original")
    assert own.get(f"/api/tasks/{task}/data?type=chunk&number=0&quality=original").ok


def test_an_answer_may_be_slow(own: Api, controls: Controls) -> None:
    controls.add("slow", path="^/api/projects", seconds=3)
    with pytest.raises(requests.Timeout):
        requests.get(f"{own.url}/api/projects", headers={"Authorization": f"Bearer {own.token}"}, timeout=0.5)
    assert _projects(own) == 0


def test_a_fault_strikes_so_many_times_after_so_many_were_spared(own: Api, controls: Controls) -> None:
    controls.add("server_error", path="^/api/projects", skip=1, times=2)
    assert [own.get("/api/projects").status_code for _ in range(4)] == [200, 500, 500, 200]
    assert [fault["hits"] for fault in controls.faults()] == [2]


def test_every_request_is_noted(own: Api, controls: Controls) -> None:
    own.get("/api/projects?page_size=3")
    _create(own)
    noted = [(one["method"], one["path"], one["query"], one["status"]) for one in controls.requests()]
    assert noted == [("GET", "/api/projects", "page_size=3", 200), ("POST", "/api/projects", "", 201)]


def test_a_job_is_accepted_and_reopened_by_somebody(own: Api, controls: Controls, task: int) -> None:
    for job in _jobs(own, task):
        controls.act("accept_job", id=job["id"])
    assert own.get(f"/api/tasks/{task}").json()["status"] == "completed"
    controls.act("reopen_job", id=_jobs(own, task)[0]["id"])
    assert own.get(f"/api/tasks/{task}").json()["status"] == "annotation"
    assert _jobs(own, task)[0]["state"] == "in progress"


def test_somebody_renames_a_label_or_deletes_a_frame_between_two_requests(own: Api, controls: Controls, task) -> None:
    label = _label(own, task)["id"]
    read = f"/api/tasks/{task}/annotations"
    own.call("PUT", read, json={"shapes": [rectangle(label)]})
    controls.add("act", path=read, action={"do": "rename_label", "id": label, "name": "other"})
    controls.add("act_after", path=f"/api/labels.task_id={task}", action={"do": "delete_frame", "id": task, "frame": 1})
    assert [shape["label_id"] for shape in own.get(read).json()["shapes"]] == [label]
    assert own.get(f"/api/tasks/{task}/data/meta").json()["deleted_frames"] == []
    assert _label(own, task)["name"] == "other"
    assert own.get(f"/api/tasks/{task}/data/meta").json()["deleted_frames"] == [1]
    controls.act("delete_label", id=label)
    assert own.get(read).json()["shapes"] == []


def test_workers_that_are_down_leave_a_request_queued(own: Api, controls: Controls) -> None:
    task_id = own.new_task()
    controls.hold("queued")
    own.send(task_id, {"a.jpg": encoded()})
    finish = own.call("POST", f"/api/tasks/{task_id}/data", headers={"Upload-Finish": ""}, json={"image_quality": 70})
    address = f"/api/requests/{finish.json()['rq_id']}"
    assert own.get(address).json()["status"] == "queued"
    assert own.call("DELETE", f"/api/tasks/{task_id}").status_code == 500, "CVAT falls over a task that is being made"
    assert own.get(f"/api/tasks/{task_id}").json()["size"] == 0
    controls.release()
    assert own.wait(finish.json()["rq_id"])["status"] == "finished"


def test_a_failed_creation_shows_a_traceback_for_a_moment(own: Api, controls: Controls) -> None:
    task_id = own.new_task()
    controls.hold("failing")
    own.send(task_id, {"bad.jpg": b"\xff\xd8\xff\xe0broken"})
    seen = own.finish(task_id)
    assert seen["message"].startswith("Traceback")
    assert seen["finished_date"] is None
    controls.release()
    for _ in range(200):
        if (seen := own.get(f"/api/requests/{seen['id']}").json())["finished_date"]:
            break
    assert seen["message"] == "OSError: Truncated File Read\n"


def test_whoever_comes_late_finds_no_request(own: Api, controls: Controls, task: int) -> None:
    controls.act("expire_requests")
    assert own.get("/api/requests").json()["count"] == 0
    assert own.get(f"/api/tasks/{task}").json()["size"] == 2


def test_a_finished_creation_is_forgotten_after_eight_minutes_and_a_failed_one_is_not(
    own: Api, controls: Controls
) -> None:
    good, bad = own.new_task(), own.new_task()
    own.upload(good, {"a.jpg": encoded()})
    own.upload(bad, {"a.jpg": b"\xff\xd8\xff\xe0broken"})
    controls.advance(501)
    address = "/api/requests/action=create&target=task&target_id={}"
    late = own.get(address.format(good))
    assert (late.status_code, late.text) == (404, "There is no request with specified id")
    assert own.get(address.format(bad)).json()["status"] == "failed"
    assert own.get(f"/api/tasks/{good}").json()["size"] == 1


def _hooked(api: Api, receiver: Receiver) -> int:
    project = _create(api).json()["id"]
    spec = {"target_url": receiver.url, "type": "project", "events": ["update:project"], "project_id": project}
    assert api.call("POST", "/api/webhooks", json=spec).status_code == 201
    return int(project)


@pytest.mark.parametrize(("kind", "told"), [("drop_webhook", ["b"]), ("repeat_webhook", ["a", "a", "b"])])
def test_a_webhook_is_lost_or_comes_twice(own: Api, controls: Controls, kind, told) -> None:
    with receiving() as receiver:
        project = _hooked(own, receiver)
        controls.add(kind, path="update:project")
        for name in ("a", "b"):
            own.call("PATCH", f"/api/projects/{project}", json={"name": name})
        names = [body.split(b'"name": "')[1][:1].decode() for _, body in receiver.wait(len(told))]
    assert names == told


def test_a_webhook_that_nobody_takes_is_noted_and_not_sent_again(own: Api, controls: Controls) -> None:
    project = _create(own).json()["id"]
    spec = {"target_url": "http://127.0.0.1:9/", "type": "project", "events": ["update:task"], "project_id": project}
    hook = own.call("POST", "/api/webhooks", json=spec).json()["id"]
    assert own.call("POST", f"/api/webhooks/{hook}/ping").json()["status_code"] == 502
    (noted,) = own.get(f"/api/webhooks/{hook}/deliveries").json()["results"]
    assert (noted["event"], noted["status_code"]) == ("ping", 502)
    own.call("DELETE", f"/api/projects/{project}")
    assert own.get(f"/api/webhooks/{hook}").status_code == 404, "hooks of a deleted project are deleted with it"


def test_a_reset_leaves_the_user_and_nothing_else(own: Api, controls: Controls, task: int) -> None:
    controls.register("ann", "a-password")
    controls.add("server_error")
    controls.reset()
    assert own.get("/api/tasks").json()["count"] == 0
    assert own.get("/api/users").json()["count"] == 1
    assert controls.faults() == []


@pytest.mark.parametrize("key", ["", "wrong"])
def test_without_the_key_nothing_can_be_done(faulty: SandboxServer, controls: Controls, key: str) -> None:
    assert get(f"{faulty.url}/sandbox/control/faults", headers={"X-Fault-Key": key}).status_code == 404


def test_in_normal_use_there_is_no_control(server: SandboxServer) -> None:
    for key in ("", "sesame"):
        assert get(f"{server.url}/sandbox/control/faults", headers={"X-Fault-Key": key}).status_code == 404


def test_a_server_for_strangers_takes_no_fault_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="loopback only"):
        serve(Options(tmp_path, host="0.0.0.0", fault_key="sesame"))


@pytest.mark.parametrize("body", [{"kind": "earthquake"}, {"kind": "slow", "colour": 1}])
def test_a_fault_that_does_not_exist_is_refused(faulty: SandboxServer, controls: Controls, body: dict) -> None:
    headers = {"X-Fault-Key": "sesame"}
    reply = requests.post(f"{faulty.url}/sandbox/control/faults", json=body, headers=headers, timeout=30)
    assert reply.status_code == 400
