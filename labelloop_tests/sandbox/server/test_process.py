"""The process: what survives it, how it starts and how it ends."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from labelloop.core.errors import ConfigError
from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.server.world import Api, encoded, get, post, rectangle

pytestmark = pytest.mark.slow


@pytest.fixture
def own(tmp_path: Path):
    """A server of the test's own."""
    with SandboxServer(tmp_path / "own", anonymous_limit=0) as running:
        yield running


def _api(server: SandboxServer) -> Api:
    return Api(server.url, server.credentials.token)


def _fill(api: Api) -> tuple[int, int]:
    """A task with a box; returns it and the label."""
    task_id = api.new_task()
    api.upload(task_id, {"a.jpg": encoded()})
    label = api.get(f"/api/labels?task_id={task_id}").json()["results"][0]["id"]
    api.call("PUT", f"/api/tasks/{task_id}/annotations", json={"shapes": [rectangle(label)]})
    return task_id, label


def test_everything_survives_a_restart_at_a_new_address(own: SandboxServer) -> None:
    task_id, _ = _fill(_api(own))
    before, old = _api(own).get(f"/api/tasks/{task_id}/annotations").json(), own.credentials
    own.stop()
    own.start()
    assert (own.credentials.username, own.credentials.password, own.credentials.token) == (
        old.username, old.password, old.token,
    )  # fmt: skip
    assert _api(own).get(f"/api/tasks/{task_id}/annotations").json() == before
    frame = _api(own).get(f"/api/tasks/{task_id}/data?type=frame&quality=original&number=0")
    assert frame.content == encoded()
    body = {"username": old.username, "password": old.password}
    assert post(f"{own.url}/api/auth/login", json=body).status_code == 200


def test_what_was_answered_survives_a_kill_in_the_middle_of_work(own: SandboxServer) -> None:
    api = _api(own)
    task_id, label = _fill(api)
    confirmed: list[int] = []
    stop = threading.Event()

    def draw() -> None:
        while not stop.is_set():
            try:
                reply = api.call(
                    "PATCH", f"/api/tasks/{task_id}/annotations?action=create", json={"shapes": [rectangle(label)]}
                )
                confirmed.extend(shape["id"] for shape in reply.json()["shapes"])
            except requests.RequestException:
                return

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(confirmed) < 30:
        stop.wait(0.01)
    own.kill()
    stop.set()
    for thread in threads:
        thread.join()
    own.start()
    stored = {shape["id"] for shape in _api(own).get(f"/api/tasks/{task_id}/annotations").json()["shapes"]}
    assert set(confirmed) <= stored
    assert len(stored) <= len(confirmed) + 1 + len(threads)


def test_a_creation_that_a_kill_interrupted_is_finished_by_the_next_process(own: SandboxServer) -> None:
    api = _api(own)
    task_id = api.new_task()
    api.send(task_id, {f"{n:03d}.png": encoded("PNG", size=(900, 600)) for n in range(30)})
    body = {"image_quality": 70}
    rq_id = api.call("POST", f"/api/tasks/{task_id}/data", headers={"Upload-Finish": ""}, json=body).json()["rq_id"]
    own.kill()
    own.start()
    assert _api(own).wait(rq_id)["status"] == "finished"
    assert _api(own).get(f"/api/tasks/{task_id}").json()["size"] == 30


def test_a_creation_that_was_done_but_not_yet_reported_is_not_done_twice(own: SandboxServer) -> None:
    task_id, _ = _fill(_api(own))
    own.kill()
    with sqlite3.connect(own.data / "sandbox.sqlite3") as connection:
        connection.execute("UPDATE requests SET status = 'started', finished_date = NULL, expiry_date = NULL")
    own.start()
    assert _api(own).wait(f"action=create&target=task&target_id={task_id}")["status"] == "finished"
    task = _api(own).get(f"/api/tasks/{task_id}").json()
    assert (task["size"], task["jobs"]["count"]) == (1, 1)


def test_an_upload_that_a_kill_interrupted_leaves_a_task_of_size_zero(own: SandboxServer) -> None:
    task_id = _api(own).new_task()
    _api(own).send(task_id, {"a.jpg": encoded()})
    own.kill()
    own.start()
    task = _api(own).get(f"/api/tasks/{task_id}").json()
    assert (task["size"], task["jobs"]["count"]) == (0, 0)
    assert _api(own).upload(_api(own).new_task(), {"a.jpg": encoded()})["status"] == "finished"


def test_files_that_nothing_refers_to_are_swept_away_at_the_start(own: SandboxServer) -> None:
    _fill(_api(own))
    own.kill()
    orphan = own.data / "files" / "ab" / "abandoned"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"x")
    own.start()
    assert not orphan.exists()
    assert len([path for path in (own.data / "files").glob("*/*") if path.is_file()]) == 1


def test_deleting_a_task_deletes_its_files(own: SandboxServer) -> None:
    task_id, _ = _fill(_api(own))
    assert _api(own).call("DELETE", f"/api/tasks/{task_id}").status_code == 204
    assert list((own.data / "files").glob("*/*")) == []


def test_credentials_are_for_the_owner_only_and_say_where_the_server_is(own: SandboxServer) -> None:
    path = own.data / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = json.loads(path.read_text())
    assert content["url"] == json.loads((own.data / "server.json").read_text())["url"] == own.url
    assert get(f"{content['url']}/api/server/about").status_code == 200
    assert own.url.startswith("http://127.0.0.1:")


def test_sigterm_ends_it_cleanly(own: SandboxServer) -> None:
    process = own._process
    os.kill(own.pid, signal.SIGTERM)
    assert process.wait(20) == 0
    assert not (own.data / "server.json").exists()
    assert (own.data / "server.log").read_text() == ""


def test_one_folder_has_one_server(own: SandboxServer) -> None:
    with pytest.raises(ConfigError, match="Another server already serves"):
        SandboxServer(own.data).start()
    assert get(f"{own.url}/api/server/about").status_code == 200


def test_a_port_that_is_taken_is_said_plainly(own: SandboxServer, tmp_path: Path) -> None:
    port = int(own.url.rsplit(":", 1)[1])
    with pytest.raises(ConfigError, match="Choose another --port"):
        SandboxServer(tmp_path / "second", port=port).start()


def test_the_anonymous_limit_is_kept_and_does_not_touch_those_who_log_in(tmp_path: Path) -> None:
    with SandboxServer(tmp_path / "limited", anonymous_limit=3) as server:
        about = [get(f"{server.url}/api/server/about") for _ in range(4)]
        assert [reply.status_code for reply in about] == [200, 200, 200, 429]
        assert 55 <= int(about[-1].headers["Retry-After"]) <= 60
        assert about[-1].json()["detail"].startswith("Request was throttled. Expected available in ")
        assert post(f"{server.url}/api/auth/login", json={}).status_code == 429
        assert get(f"{server.url}/api/tasks").status_code == 401
        assert {_api(server).get("/api/server/about").status_code for _ in range(9)} == {200}


def test_a_user_and_a_password_can_be_chosen(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "labelloop.sandbox.server", "--data", str(tmp_path / "d"), "--user", "ann"]
    environment = {**os.environ, "LABELLOOP_SANDBOX_PASSWORD": "own word"}
    with subprocess.Popen(command, env=environment) as process:
        try:
            server_file = tmp_path / "d" / "server.json"
            while not server_file.exists():
                assert process.poll() is None
            url = json.loads(server_file.read_text())["url"]
            assert get(f"{url}/api/users/self", auth=("ann", "own word")).json()["username"] == "ann"
        finally:
            process.terminate()
