"""What Dagster hears of predictions on the pool, which a stage makes on its way and no step makes for itself."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from labelloop.core.annotation import content_hash
from labelloop.core.vocabulary import ITERATION
from labelloop.resources.pool_predictions import DATA_VERSION, FOLDER, report_pool_predictions
from labelloop_tests.core.builders import predictions
from labelloop_tests.projects import make_project

FOUND = predictions(
    ("a", "cat", 0, 0, 9, 9, 0.05), ("a", "cat", 0, 0, 9, 9, 0.31), ("b", "dog", 0, 0, 9, 9, 0.39),
    ("c", "cat", 0, 0, 9, 9, 1.0),
)  # fmt: skip


@pytest.fixture
def now(tmp_path: Path):
    return make_project(tmp_path)


def make(now, iteration: str, model: str, found: pd.DataFrame = FOUND) -> dict:
    record = {"model": model, "confidence": 0.05, "images": 5, "of": "hash of ids"}
    now.ledger.save_predictions(iteration, found, FOLDER)
    now.ledger.write(FOLDER, iteration, record)
    return record


def told(instance: dg.DagsterInstance, iteration: str = "v0") -> list[dg.AssetMaterialization]:
    """What Dagster has heard of the predictions of an iteration, oldest first."""
    of_iteration = dg.AssetRecordsFilter(dg.AssetKey(FOLDER), asset_partitions=[iteration])
    records = instance.fetch_materializations(of_iteration, limit=10, ascending=True).records
    return [record.asset_materialization for record in records]


def run(now, instance: dg.DagsterInstance, iteration: str | None, *, fails: bool = False) -> None:
    """A stage that made predictions, or found them."""

    @dg.asset
    def stage(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        report_pool_predictions(context, now, iteration)
        if fails:
            raise dg.Failure("CVAT does not answer")
        return dg.MaterializeResult()

    assert dg.materialize([stage], instance=instance, raise_on_error=False).success != fails


def test_predictions_are_told_with_their_figures_for_their_iteration(now) -> None:
    instance = dg.DagsterInstance.ephemeral()
    record = make(now, "v3", "m1")
    run(now, instance, "v3")
    (event,) = told(instance, "v3")
    assert event.tags[DATA_VERSION] == content_hash(record)
    shown = dict(event.metadata)
    by_class, by_score = (
        {row.data[what]: row.data["count"] for row in shown.pop(f"boxes by {what}").records}
        for what in ("class", "score")
    )
    assert {name: value.value for name, value in shown.items()} == {
        "model": "m1", "images": 5, "confidence": 0.05, "dagster/row_count": 4, "images with a box": 3,
    }  # fmt: skip
    assert by_class == {"cat": 3, "dog": 1}
    assert len(by_score) == 10
    assert {name: count for name, count in by_score.items() if count} == {
        "0.0 to 0.1": 1, "0.3 to 0.4": 2, "0.9 to 1.0": 1,
    }  # fmt: skip
    assert instance.has_dynamic_partition(ITERATION, "v3")


def test_the_same_predictions_are_told_once_and_others_again(now) -> None:
    instance = dg.DagsterInstance.ephemeral()
    for model in ("m1", "m1", "m2", "m2", "m1"):
        make(now, "v0", model)
        make(now, "v1", "another")
        run(now, instance, "v1")
        run(now, instance, "v0")
    assert [event.metadata["model"].value for event in told(instance)] == ["m1", "m2", "m1"]
    assert [event.metadata["model"].value for event in told(instance, "v1")] == ["another"]


@pytest.mark.parametrize("iteration", [None, "v0"])
def test_without_predictions_nothing_is_told(now, iteration: str | None) -> None:
    instance = dg.DagsterInstance.ephemeral()
    run(now, instance, iteration)
    assert told(instance) == []
    assert not instance.get_dynamic_partitions(ITERATION)


def test_a_stage_that_fails_afterwards_has_told_of_them(now) -> None:
    instance = dg.DagsterInstance.ephemeral()
    make(now, "v0", "m1")
    run(now, instance, "v0", fails=True)
    assert len(told(instance)) == 1


def test_a_model_that_sees_nothing_is_told_of_too(now) -> None:
    instance = dg.DagsterInstance.ephemeral()
    make(now, "v0", "m1", pd.DataFrame(columns=FOUND.columns))
    run(now, instance, "v0")
    assert told(instance)[0].metadata["dagster/row_count"].value == 0
