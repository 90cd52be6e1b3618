"""The sandbox answers as a real CVAT did: recorded exchanges are replayed against it over HTTP, one by one."""

import hmac
import json
import sys
from collections.abc import Iterator

import pytest
import requests

from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.replay.compare import bodies
from labelloop_tests.sandbox.replay.ids import Ids
from labelloop_tests.sandbox.replay.player import Person, Player, load
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
def test_a_recorded_scenario_is_reproduced(differences: dict[str, list[list[str]]], scenario: str) -> None:
    found = differences[scenario]
    different = {number: words for number, words in enumerate(found) if words}
    sys.stdout.write(f"{scenario}: {len(found) - len(different)} of {len(found)} exchanges reproduced\n")
    assert not different, "\n".join(f"#{n}: {w}" for n, words in different.items() for w in words[:6])


def test_the_recorded_webhooks_are_delivered_in_their_order_and_signed(server: SandboxServer) -> None:
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
    assert not words
    sys.stdout.write(f"webhook_deliveries: {len(delivered)} of {len(recorded)} deliveries reproduced\n")
