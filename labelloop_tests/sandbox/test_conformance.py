"""The sandbox answers as a real CVAT did: recorded exchanges are replayed against it over HTTP, one by one."""

import hmac
import json
import sys
from collections.abc import Iterator

import pytest

from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.replay.compare import bodies
from labelloop_tests.sandbox.replay.ids import Ids
from labelloop_tests.sandbox.replay.player import Person, Player, load
from labelloop_tests.sandbox.server.controls import Controls
from labelloop_tests.sandbox.server.receiver import receiving
from labelloop_tests.sandbox.server.world import Api, encoded, get

# In the order in which they were recorded: each works on what those before it left.
SCENARIOS = (
    "connect_and_list", "create_project_task_upload", "annotate_and_complete", "pull_annotations_and_frames",
    "export_dataset", "errors", "pagination", "fiftyone_roundtrip", "upload_quirks", "status_and_permissions",
    "rate_limit",
)  # fmt: skip

ANONYMOUS_LIMIT = 100

OF_ANOTHER_WORLD = {
    ("connect_and_list", 11): "the recorded server had tokens of earlier runs",
    ("export_dataset", 32): "the recorded server remembered requests of earlier runs",
    ("status_and_permissions", 39): "the recorded server had tasks of earlier runs",
    ("rate_limit", 3): "the recorded server had other tasks at that time",
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
    get(f"{server.url}/api/users/self", headers={"Authorization": f"Bearer {own.token}"})  # a token that was used
    people = {"admin": Person(own.username, own.password), "other": Person("bobby12", "b-password")}
    player = Player(server.url, controls, people, OF_ANOTHER_WORLD)
    results = {}
    for scenario in SCENARIOS:
        if scenario == "rate_limit":
            controls.advance(61)
            for _ in range(ANONYMOUS_LIMIT - 1):
                get(f"{server.url}/api/server/about")
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
