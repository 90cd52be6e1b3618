"""The sandbox answers as a real CVAT did: recorded exchanges are replayed against it over HTTP, one by one."""

import sys
from collections.abc import Iterator

import pytest

from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.replay.player import Person, Player
from labelloop_tests.sandbox.server.controls import Controls
from labelloop_tests.sandbox.server.world import get

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

OUT_OF_SCOPE = {
    ("connect_and_list", 5): "the sandbox exports COCO 1.0 and CVAT for images 1.1, and imports nothing",
}


@pytest.fixture(scope="module")
def differences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[list[str]]]]:
    """All scenarios, replayed against one fresh server."""
    data = tmp_path_factory.mktemp("conformance") / "state"
    with SandboxServer(data, anonymous_limit=ANONYMOUS_LIMIT, fault_key="conformance") as server:
        controls, own = Controls(server), server.credentials
        controls.register("bobby12", "b-password")
        people = {"admin": Person(own.username, own.password), "other": Person("bobby12", "b-password")}
        get(f"{server.url}/api/users/self", headers={"Authorization": f"Bearer {own.token}"})  # a token that was used
        player = Player(server.url, controls, people, OF_ANOTHER_WORLD)
        results = {}
        for scenario in SCENARIOS:
            if scenario == "rate_limit":
                controls.advance(61)
                for _ in range(ANONYMOUS_LIMIT - 1):
                    get(f"{server.url}/api/server/about")
            results[scenario] = player.play(scenario)
        yield results


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_recorded_scenario_is_reproduced(differences: dict[str, list[list[str]]], scenario: str) -> None:
    found = differences[scenario]
    left_out = {number: reason for (name, number), reason in OUT_OF_SCOPE.items() if name == scenario}
    same = sum(not words for words in found)
    sys.stdout.write(f"{scenario}: {same} of {len(found)} exchanges reproduced, {len(left_out)} out of scope\n")
    unexpected = {number: words for number, words in enumerate(found) if words and number not in left_out}
    assert not unexpected, "\n".join(f"#{n}: {w}" for n, words in unexpected.items() for w in words[:6])
    assert all(found[number] for number in left_out), "an entry of OUT_OF_SCOPE is no longer needed"
