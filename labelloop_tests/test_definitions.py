"""The graph as the design has it: a renamed asset, a lost dependency or a job that misses a step shows here."""

import dagster as dg
import pytest

from labelloop.core.verdict import FINDINGS
from labelloop.core.vocabulary import STEPS
from labelloop.definitions import defs

GRAPH = {
    "source_images": set(),
    "cvat_pull": set(),
    "splits": {"source_images", "cvat_pull"},
    "embeddings": {"splits"},
    "zcore_scores": {"embeddings"},
    "near_duplicates": {"embeddings"},
    "holdout_batch": {"splits"},
    "annotated_holdout": {"holdout_batch"},
    "relabel_batch": {"annotated_holdout"},
    "annotated_relabel": {"relabel_batch"},
    "batch": {"embeddings", "zcore_scores"},
    "annotated_batch": {"batch"},
    "trained_model": {"annotated_batch"},
    "eval_report": {"trained_model", "annotated_holdout"},
    "pool_predictions": {"trained_model", "zcore_scores"},
    "failure_mined_batch": {"eval_report", "embeddings", "zcore_scores", "pool_predictions"},
    "patch_embeddings": {"annotated_batch", "eval_report"},
    "final_report": {"splits", "trained_model"},
}
ITERATION = {
    "batch", "annotated_batch", "trained_model", "eval_report", "pool_predictions", "failure_mined_batch",
    "patch_embeddings",
}  # fmt: skip
JOBS = {
    "prepare_pool": {"source_images", "cvat_pull", "splits", "embeddings", "zcore_scores", "near_duplicates"},
    "send_holdout": {"holdout_batch"},
    "take_holdout": {"annotated_holdout"},
    "next_batch": {"batch"},
    "label_loop": {"annotated_batch", "trained_model", "eval_report", "failure_mined_batch", "patch_embeddings"},
    "take_batch": {"annotated_batch"},
    "send_relabel": {"relabel_batch"},
    "take_relabel": {"annotated_relabel"},
    "score_again": {"eval_report"},
    "final_evaluation": {"final_report"},
}
BY_PEOPLE_ALONE = {"final_evaluation"}
REPORTED = {"pool_predictions"}  # no step of its own: stages that need it make it and say so
DELIVERED = {"final_report"}
QUALITY = {"near_duplicates"}
WARNINGS = {"images_were_looked_at_for_every_class", "val_was_looked_at_for_every_class", "selection_helps"}


def names(keys: set[dg.AssetKey]) -> set[str]:
    return {key.to_user_string() for key in keys}


def test_the_graph_is_the_one_of_the_design() -> None:
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string(): names(graph.get(key).parent_keys) for key in graph.get_all_asset_keys()} == GRAPH


def test_no_asset_depends_on_a_name_that_nobody_makes() -> None:
    assert names(defs.resolve_asset_graph().unexecutable_asset_keys) == REPORTED


def test_the_graph_has_no_circle() -> None:
    # Dagster loads one all the same and fails later, in whatever goes through the graph in order.
    assert len(defs.resolve_asset_graph().toposorted_asset_keys) == len(GRAPH)


@pytest.mark.parametrize("name", GRAPH)
def test_every_asset_reads_well_in_the_ui(name: str) -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey(name))
    assert node.description
    assert node.owners
    assert node.kinds
    groups = {"iteration": ITERATION, "deliver": DELIVERED, "quality": QUALITY}
    assert node.group_name == next((group for group, members in groups.items() if name in members), "pool")
    assert (node.partitions_def is not None) == (name in ITERATION)


@pytest.mark.parametrize(("job", "assets"), JOBS.items())
def test_each_job_holds_its_part_of_the_loop(job: str, assets: set[str]) -> None:
    assert names(defs.resolve_job_def(job).asset_layer.executable_asset_keys) == assets


@pytest.mark.parametrize("job", ["label_loop", "take_batch"])
def test_labels_are_never_taken_without_their_checks(job: str) -> None:
    assert "batch_labels" in {node.name for node in defs.resolve_job_def(job).nodes}


def test_exactly_the_findings_that_forbid_training_block() -> None:
    graph = defs.resolve_asset_graph()
    blocking = {key.name: graph.get(key).blocking for key in graph.asset_check_keys}
    assert blocking == dict(FINDINGS) | dict.fromkeys(WARNINGS, False)


SENSORS = {
    "cvat_tasks_completed": {"label_loop", "take_batch", "take_holdout", "take_relabel", "score_again"},
    "next_iteration": {"next_batch", "send_holdout", "send_relabel"},
    "cvat_project_updated": {"prepare_pool"},
}


def test_every_job_that_needs_no_person_is_started_by_one_sensor() -> None:
    assert {sensor.name: {target.job_name for target in sensor.targets} for sensor in defs.sensors} == SENSORS
    assert sorted(job for jobs in SENSORS.values() for job in jobs) == sorted(set(JOBS) - BY_PEOPLE_ALONE)


def test_the_names_of_jobs_and_their_assets_are_those_that_decisions_know() -> None:
    assert {job.value: set(steps) for job, steps in STEPS.items()} == JOBS


def test_what_talks_to_cvat_is_tried_three_more_times() -> None:
    asking = {
        "cvat_pull",
        "holdout_batch",
        "annotated_holdout",
        "batch",
        "annotated_batch",
        "relabel_batch",
        "annotated_relabel",
        "final_report",
    }
    for definition in defs.assets:
        if isinstance(definition, dg.AssetSpec):
            continue
        policy = definition.op.retry_policy
        assert (policy.max_retries if policy else 0) == (3 if definition.key.to_user_string() in asking else 0)
