"""What the buttons of the Dagster UI do: its own requests, sent to a real webserver, daemon and project."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelloop.adapters import dagster_servers
from labelloop.core.vocabulary import ITERATION
from labelloop_tests.served import ask, kept_instance, stop_servers
from labelloop_tests.worlds import World, make_world

pytestmark = pytest.mark.slow

PATIENCE = 240.0
REPOSITORY = {
    "repositoryLocationName": dagster_servers.LOCATION,
    "repositoryName": dagster_servers.REPOSITORY,
}
# The texts of the UI, shortened to what is read here.
LAUNCH = """mutation LaunchPipelineExecution($executionParams: ExecutionParams!) {
  launchPipelineExecution(executionParams: $executionParams) {
    __typename ... on LaunchRunSuccess { run { id } } ... on Error { message } } }"""
ADD_PARTITION = """mutation AddDynamicPartition(
    $partitionsDefName: String!, $partitionKey: String!, $repositorySelector: RepositorySelector!) {
  addDynamicPartition(partitionsDefName: $partitionsDefName, partitionKey: $partitionKey,
                      repositorySelector: $repositorySelector) { __typename ... on Error { message } } }"""
BACKFILL = """mutation LaunchPartitionBackfill($backfillParams: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfillParams) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on Error { message } } }"""
RUN = """query Run($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }"""
PARTITION_BACKFILL = """query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) { __typename ... on PartitionBackfill { status } } }"""
ASSET = """query Asset($key: AssetKeyInput!, $partitions: [String!]) {
  assetNodeOrError(assetKey: $key) { __typename ... on AssetNode {
    latestMaterializationByPartition(partitions: $partitions) {
      partition metadataEntries { label ... on UrlMetadataEntry { url } } } } } }"""


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    # Without autostart the sensors leave v0 to the person at the buttons.
    with kept_instance(make_world(tmp_path, loop={"autostart": False})) as made:
        yield made
        stop_servers(made)


def until(port: int, query: str, number: str, done: str, failed: str) -> None:
    """Look again and again, as the page does."""
    deadline = time.monotonic() + PATIENCE
    while (status := ask(port, query, id=number)["status"]) != done:
        assert status not in failed, status
        assert time.monotonic() < deadline, status
        time.sleep(0.5)


def launch(port: int, job: str, tags: dict[str, str], **selected: Any) -> None:
    params = {
        "mode": "default",
        "selector": {**REPOSITORY, "pipelineName": job, **selected},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        "runConfigData": "{}",
    }
    run = ask(port, LAUNCH, executionParams=params)["run"]
    until(port, RUN, run["id"], "SUCCESS", "FAILURE CANCELED")


def test_what_a_person_materialises_in_the_ui_is_made(world: World) -> None:
    now = world.now
    port = dagster_servers.start_webserver(now.home, now.config)
    dagster_servers.start_daemon(now.home, now.config)
    batch = {"path": ["batch"]}

    launch(port, "prepare_pool", {})
    assert len(now.ledger.zcore()) > 0

    # A new partition, typed into the dialog, and its backfill.
    ask(port, ADD_PARTITION, partitionsDefName=ITERATION, partitionKey="v0", repositorySelector=REPOSITORY)
    backfill = ask(port, BACKFILL, backfillParams={"assetSelection": [batch], "partitionNames": ["v0"]})
    until(port, PARTITION_BACKFILL, backfill["backfillId"], "COMPLETED_SUCCESS", "FAILED COMPLETED_FAILED CANCELED")
    sent = now.ledger.read("tasks", "v0")

    # The same partition once more, alone, as the button on the page of the asset does: nothing is sent twice.
    launch(port, "__ASSET_JOB", {"dagster/partition": "v0"}, assetSelection=[batch], assetCheckSelection=[])
    assert now.ledger.read("tasks", "v0") == sent
    (made,) = ask(port, ASSET, key=batch, partitions=["v0"])["latestMaterializationByPartition"]
    links = {entry["label"]: entry.get("url") for entry in made["metadataEntries"]}
    assert links["FiftyOne App"].endswith("?view=batch-v0")
    assert links["CVAT project"] == sent["project_url"]
