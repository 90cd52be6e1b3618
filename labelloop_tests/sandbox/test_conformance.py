"""The sandbox answers as a real CVAT did: recorded exchanges are replayed against it over HTTP, one by one."""

import hmac
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import cast

import pytest
import requests

from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.conftest import pytest_terminal_summary
from labelloop_tests.sandbox.replay.compare import bodies
from labelloop_tests.sandbox.replay.ids import Ids
from labelloop_tests.sandbox.replay.player import FOLDER, Person, Player, load
from labelloop_tests.sandbox.replay.scope import relaxed
from labelloop_tests.sandbox.server.controls import Controls
from labelloop_tests.sandbox.server.receiver import receiving
from labelloop_tests.sandbox.server.world import Api, encoded

# In the order in which they were recorded: each works on what those before it left.
SCENARIOS = (
    "connect_and_list", "create_project_task_upload", "annotate_and_complete", "pull_annotations_and_frames",
    "export_dataset", "errors", "pagination", "rate_limit", "fiftyone_roundtrip", "upload_quirks",
    "status_and_permissions",
)  # fmt: skip

ANONYMOUS_LIMIT = 100
OLDER_REQUESTS = 38  # that the recorded server remembered from before


def older_tokens_and_requests(api: Api, controls: Controls) -> None:
    """Tokens that were used, and requests of a task and a project that are gone."""
    api.call("PATCH", "/api/auth/access_tokens/1", json={"name": "x"})
    for _ in range(5):
        token = api.call("POST", "/api/auth/access_tokens", json={"name": "x"}).json()["value"]
        assert Api(api.url, token).get("/api/users/self").status_code == 200
    project = api.call("POST", "/api/projects", json={"name": "gone", "labels": [{"name": "a"}]}).json()["id"]
    tasks = [api.new_task(project_id=project, labels=[]) for _ in range(2)]
    api.upload(tasks[0], {"x.jpg": encoded()})
    names = [one["name"] for one in api.get("/api/server/annotation/formats").json()["exporters"]]
    queries = [{"format": name, "save_images": str(images)} for images in (True, False) for name in names]
    for query in queries[: OLDER_REQUESTS - 2]:
        api.wait(api.call("POST", f"/api/tasks/{tasks[0]}/dataset/export", params=query).json()["rq_id"])
    api.upload(tasks[1], {"x.jpg": encoded()})
    api.call("DELETE", f"/api/projects/{project}")


def a_task_that_failed_and_many_anonymous_requests(api: Api, controls: Controls) -> None:
    delete_tasks(api, "page ")
    api.upload(api.new_task(name="x"), {"x.jpg": b"garbage"})
    controls.advance(61)
    with requests.Session() as quick:  # the answer that is compared tells the seconds since the first of these
        for _ in range(ANONYMOUS_LIMIT - 1):
            quick.get(f"{api.url}/api/server/about", timeout=30)


def the_minute_is_over(api: Api, controls: Controls) -> None:
    controls.advance(61)


def other_tasks(api: Api, controls: Controls) -> None:
    delete_tasks(api, "FiftyOne")
    api.upload(api.new_task(name="x"), {f"{number:02}.jpg": encoded() for number in range(60)})
    api.upload(api.new_task(name="x", segment_size=2), {f"{number}.jpg": encoded() for number in range(4)})


def delete_tasks(api: Api, start: str) -> None:
    for task in api.get("/api/tasks?page_size=all").json()["results"]:
        if task["name"].startswith(start):
            api.call("DELETE", f"/api/tasks/{task['id']}")


# What happened on the recorded server and was not recorded, before a scenario.
BEFORE = {
    "connect_and_list": older_tokens_and_requests,
    "rate_limit": a_task_that_failed_and_many_anonymous_requests,
    "fiftyone_roundtrip": the_minute_is_over,
    "upload_quirks": other_tasks,
}

# What a replay lets pass, by name, and why: `relaxed` finds it out by trying, and finds nothing that is not here.
PERSON = "who it is, and what people call it, is each server's own"
MOMENT = "follows from when something was made and stored, which is now; that it is there is compared"
TRANSPORT = "of the web server and the connection, not of CVAT; left out of the recordings"
NOT_WRITTEN = (
    "listed as CVAT lists it; the sandbox writes COCO and CVAT for images alone, and an export fails as one can"
)
NOT_READ = "listed as CVAT lists it; the sandbox reads no format: labelloop sends shapes through the API"
FORMATS = (
    "CamVid 1.0", "Cityscapes 1.0", "COCO Keypoints 1.0", "Datumaro 1.0", "Datumaro 3D 1.0", "ICDAR Localization 1.0",
    "ICDAR Recognition 1.0", "ICDAR Segmentation 1.0", "ImageNet 1.0", "KITTI 1.0", "Kitti Raw Format 1.0",
    "LabelMe 3.0", "LFW 1.0", "Market-1501 1.0", "MOT 1.1", "MOTS PNG 1.0", "Open Images V6 1.0", "PASCAL VOC 1.1",
    "Segmentation mask 1.1", "Sly Point Cloud Format 1.0", "Ultralytics YOLO Classification 1.0",
    "Ultralytics YOLO Detection 1.0", "Ultralytics YOLO Oriented Bounding Boxes 1.0", "Ultralytics YOLO Pose 1.0",
    "Ultralytics YOLO Segmentation 1.0", "VGGFace2 1.0", "WiderFace 1.0", "YOLO 1.1",
)  # fmt: skip
OUT_OF_SCOPE = {
    **{
        f"export {name}": NOT_WRITTEN
        for name in (*FORMATS, "CVAT for video 1.1", "Ultralytics YOLO Detection Track 1.0")
    },
    **{f"import {name}": NOT_READ for name in (*FORMATS, "COCO 1.0", "CVAT 1.1")},
    "OPA group worker": "CVAT's policies give workers less; the recorded server had an admin and a user",
    "OPA organizations": "CVAT's policies by role in an organization; the recorded server had none, a request told so",
    **{f"field {name}": PERSON for name in ("username", "email", "first_name", "last_name")},
    **{f"field {name}": PERSON for name in ("description", "subtitle")},
    "field color": "that of a label or a user to whom nobody gave one is the server's choice",
    "field message, at times": "how far a request is that is under way; or a traceback, which names files",
    "field detail, at times": "how many seconds a throttled client has to wait: the minute is a real one",
    "field that is a time": "now is another time; that it is one, in CVAT's form, is compared",
    "field that is a secret": "no recording holds one; that there is one is compared",
    "order of items, at times": "shapes of one frame: what was updated and what was not may trade places in CVAT",
    "how long the server's work takes": "a look at it is repeated for some seconds, as by a client that waits",
    "file application/zip": "exports and backups name moments and ids; test_exports.py and test_backups.py open them",
    "file image/jpeg": "the recordings have no pictures; one that was uploaded comes back byte for byte",
    **{f"header {name}": MOMENT for name in ("etag", "last-modified", "x-checksum", "x-updated-date")},
    "header retry-after": "seconds of a real minute that is going by; that it is within one is compared",
    "order in header allow": "a set of methods",
    "order in header vary": "a set of headers",
    "time in a file name": "now is another time; the rest of the name is compared",
    "value of a cookie": "a secret; that there is one of that name is compared",
    "header that was not recorded": "no client acts on it; one that would be acted upon (UNEXPECTED) is compared",
    **{f"header {name}": TRANSPORT for name in ("date", "server", "connection", "content-length", "keep-alive")},
    "header transfer-encoding": TRANSPORT,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    data = tmp_path_factory.mktemp("conformance") / "state"
    with SandboxServer(data, anonymous_limit=ANONYMOUS_LIMIT, fault_key="conformance") as running:
        yield running


@pytest.fixture(scope="module")
def differences(server: SandboxServer) -> dict[str, list[list[str]]]:
    """All scenarios, replayed one after the other: what of each exchange was otherwise."""
    controls, own = Controls(server), server.credentials
    controls.register("bobby12", "b-password")
    api = Api(server.url, own.token)
    people = {"admin": Person(own.username, own.password), "other": Person("bobby12", "b-password")}
    player = Player(server.url, controls, people)
    results = {}
    for scenario in SCENARIOS:
        BEFORE.get(scenario, lambda *_: None)(api, controls)
        results[scenario] = player.play(scenario)
    return results


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_recorded_scenario_is_reproduced(
    differences: dict[str, list[list[str]]], scenario: str, record_property: Callable[[str, object], None]
) -> None:
    found = differences[scenario]
    different = {number: words for number, words in enumerate(found) if words}
    record_property("shown", f"{scenario}: {len(found) - len(different)} of {len(found)} exchanges reproduced")
    assert not different, "\n".join(f"#{n}: {w}" for n, words in different.items() for w in words[:6])


def test_what_is_out_of_scope_is_listed_and_nothing_else_is() -> None:
    assert relaxed() == OUT_OF_SCOPE.keys()
    assert {path.stem for path in FOLDER.glob("*.json")} == {*SCENARIOS, "webhook_deliveries"}


def test_the_shares_reproduced_are_shown_though_the_tests_pass() -> None:
    said: list[str] = []
    passed = SimpleNamespace(when="call", user_properties=[("shown", "errors: 40 of 40"), ("other", "x")])
    ended = {
        "passed": [passed],
        "failed": [SimpleNamespace(when="call", user_properties=[("shown", "errors: 39 of 40")])],
    }
    reporter = SimpleNamespace(stats=ended, section=said.append, write_line=said.append)
    pytest_terminal_summary(cast(pytest.TerminalReporter, reporter))
    assert said[1:] == ["errors: 40 of 40", "errors: 39 of 40"]


def test_the_recorded_webhooks_are_delivered_in_their_order_and_signed(
    server: SandboxServer, record_property: Callable[[str, object], None]
) -> None:
    api, recorded = Api(server.url, server.credentials.token), load("webhook_deliveries")["deliveries"]
    with receiving() as receiver:
        project = api.call("POST", "/api/projects", json={"name": "hooked", "labels": [{"name": "a"}]}).json()["id"]
        events = ["create:task", "delete:task", "update:job", "update:task"]
        spec = {"target_url": receiver.url, "type": "project", "events": events, "project_id": project,
                "content_type": "application/json", "enable_ssl": False, "secret": "sek"}  # fmt: skip
        hook = api.call("POST", "/api/webhooks", json=spec).json()["id"]
        api.call("POST", f"/api/webhooks/{hook}/ping", json={})
        task = api.call("POST", "/api/tasks", json={"name": "x", "project_id": project}).json()["id"]
        api.call("POST", f"/api/tasks/{task}/data", headers={"Upload-Start": ""})
        api.upload(task, {"x.jpg": encoded()})
        (job,) = api.get(f"/api/jobs?task_id={task}").json()["results"]
        api.call("PATCH", f"/api/jobs/{job['id']}", json={"stage": "acceptance", "state": "completed"})
        delivered = receiver.wait(len(recorded))
    ids = Ids(server.url)
    words = []
    for number, ((headers, body), expected) in enumerate(zip(delivered, recorded, strict=True)):
        assert headers["X-Signature-256"] == f"sha256={hmac.new(b'sek', body, 'sha256').hexdigest()}"
        assert headers["User-Agent"].startswith("CVAT/2.54.1 ")
        assert headers["Content-Type"] == "application/json"
        wanted, told = json.loads(expected["raw_body"]), json.loads(body)
        if number == 0:
            wanted["webhook"]["target_url"] = receiver.url
        ids.learn(wanted, told)
        words += [f"#{number} {wanted['event']}: {word}" for word in bodies(ids.translated(wanted), told)]
    different = {word.split(" ")[0] for word in words}
    told = f"webhook_deliveries: {len(delivered) - len(different)} of {len(recorded)} deliveries reproduced"
    record_property("shown", told)
    assert not words
