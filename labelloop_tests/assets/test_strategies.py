"""Query strategies in the loop: named in labelloop.yaml or for one run, asking the newest model where they need it."""

from typing import ClassVar

import dagster as dg
import pandas as pd
import pytest

from labelloop.core.vocabulary import Source
from labelloop.resources.choosing import Choice, choose_batch
from labelloop.resources.pool import remaining_pool
from labelloop_tests.fakes import MemorisingDetector
from labelloop_tests.worlds import World, failure_of, metadata_of


class Counting(MemorisingDetector):
    """Says how often it was asked, and is less sure of what is further left."""

    asked: ClassVar[list] = []

    def predict(self, now, model, sample_ids, log, confidence=None):
        if confidence is not None:
            self.asked.append((model, confidence, len(sample_ids)))
        found = super().predict(now, model, sample_ids, log)
        return found.assign(score=0.3 + 0.6 * (found["x1"] % 64) / 64)


def of_batch(strategy):
    return {"ops": {"batch": {"config": {"strategy": strategy}}}}


def own_rows(world: World, iteration: str) -> pd.DataFrame:
    manifest = world.now.ledger.manifest(iteration)
    return manifest[manifest["source"] != Source.GOLDEN]


def told_of(world: World) -> list[tuple[str | None, int, str]]:
    """Iteration, images and step of what was reported of `pool_predictions`, oldest first."""
    records = world.instance.fetch_materializations(dg.AssetKey("pool_predictions"), limit=10, ascending=True).records
    return [
        (record.partition_key, record.asset_materialization.metadata["images"].value, record.event_log_entry.step_key)
        for record in records
    ]


@pytest.mark.slow
def test_the_strategy_of_a_run_comes_before_that_of_the_project(world) -> None:
    one = world(batch={"budget": 5, "strategy": "k_center"})
    one.turn([("prepare_pool", None)])
    refused = one.run("next_batch", "v0", **of_batch("qbc"))
    assert "'qbc' is no query strategy. Choose one of hybrid, random, zcore" in failure_of(refused)
    assert not one.now.ledger.iterations()
    expected = choose_batch(one.now, one.detector, Choice("v0"), print)
    assert set(expected["source"]) == {Source.DIVERSITY}
    result = one.run("next_batch", "v0", **of_batch("random"))
    assert result.success, failure_of(result)
    assert set(own_rows(one, "v0")["source"]) == {Source.RANDOM}
    assert len(own_rows(one, "v0")) == 5
    again = one.run("next_batch", "v0", **of_batch("zcore"))  # what was sent to people never changes
    assert again.success
    assert set(own_rows(one, "v0")["source"]) == {Source.RANDOM}


@pytest.mark.slow
def test_uncertainty_asks_the_newest_model_once_and_anew_when_the_pool_changes(world) -> None:
    one = world(batch={"budget": 6, "golden_per_batch": 1, "strategy": "entropy", "class_balanced": False})
    one.detector = Counting()
    Counting.asked.clear()
    one.turn_v0()
    first = own_rows(one, "v0")
    assert first["reason"].str.startswith("no model yet whose entropy could be asked").all()
    selection = one.now.ledger.read("selections", "v1")
    rows = pd.DataFrame(selection["rows"])
    assert selection["strategy"] == "entropy"
    assert rows["source"].iloc[0] == Source.UNCERTAINTY
    assert rows["score"].is_monotonic_decreasing
    remaining = len(remaining_pool(one.now, before="v1"))
    assert [(confidence, count) for _, confidence, count in Counting.asked] == [(0.05, remaining)]
    mined = one.run_asset("failure_mined_batch", "v0")
    assert mined.success, failure_of(mined)
    assert metadata_of(mined, "failure_mined_batch")["strategy"] == "entropy"
    assert len(Counting.asked) == 1
    assert told_of(one) == [("v0", remaining, "failure_mined_batch")]
    assert one.now.ledger.read("selections", "v1") == selection

    (one.now.ledger.root / "pool_predictions" / "v0.json").unlink()
    chosen = choose_batch(one.now, one.detector, Choice("v1", "margin"), print)
    assert set(chosen["source"]) == {Source.UNCERTAINTY}
    assert len(Counting.asked) == 2
    result = one.run("next_batch", "v1", **of_batch("margin"))
    assert result.success, failure_of(result)
    assert len(Counting.asked) == 2
    assert len(told_of(one)) == 1  # the same model on the same images
    assert own_rows(one, "v1")["sample_id"].tolist() == chosen["sample_id"].tolist()
    assert not set(own_rows(one, "v1")["sample_id"]) & set(first["sample_id"])


@pytest.mark.slow
def test_no_strategy_that_can_do_without_predictions_makes_them(turned: World) -> None:
    now = turned.now
    batches = {
        name: choose_batch(now, turned.detector, Choice("v1", name), print) for name in ("hybrid", "zcore", "typiclust")
    }
    assert not (now.ledger.root / "pool_predictions").exists()
    assert told_of(turned) == []
    before = set(now.ledger.manifest("v0")["sample_id"])
    for rows in batches.values():
        assert len(rows) == 6
        assert not set(rows["sample_id"]) & before
    mined = pd.DataFrame(now.ledger.read("selections", "v1")["rows"])
    assert batches["hybrid"]["sample_id"].tolist() == mined["sample_id"].tolist()


@pytest.mark.slow
def test_a_run_whose_own_strategy_asks_the_model_reports_it_for_the_iteration_before(world) -> None:
    one = world(batch={"budget": 6, "golden_per_batch": 1})
    one.turn_v0()
    assert told_of(one) == []
    remaining = len(remaining_pool(one.now, before="v1"))
    result = one.run("next_batch", "v1", **of_batch("entropy"))
    assert result.success, failure_of(result)
    assert set(own_rows(one, "v1")["source"]) == {Source.UNCERTAINTY}
    assert told_of(one) == [("v0", remaining, "batch")]
