"""Embeddings as the loop uses them: what has none is left out and named, what is stale is refused."""

import pandas as pd
import pytest

from labelloop.core.vocabulary import Source, Split
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.rebuild import rebuild
from labelloop_tests.adapters.embedding.networks import Pooled, script
from labelloop_tests.worlds import World, failure_of, metadata_of

PREPARE = "dagster job execute -m labelloop.definitions -j prepare_pool"


def damage(world: World, sample_id: str) -> bytes:
    """The image of a sample is destroyed after it was registered; returns what it held."""
    path = path_of(world, sample_id)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return content


def path_of(world: World, sample_id: str):
    return world.now.home.locate(world.now.ledger.samples().set_index("sample_id").loc[sample_id, "path"])


@pytest.fixture
def torch_world(world):
    """A world whose embeddings come from a TorchScript file."""
    one = world(embeddings={"provider": "torch", "model": "net.pt", "imgsz": 32, "batch_size": 7, "device": "cpu"})
    script(one.folder / "net.pt", Pooled())
    return one


@pytest.mark.slow
def test_the_loop_turns_on_a_network_and_without_an_image_that_cannot_be_embedded(torch_world) -> None:
    one = torch_world
    one.turn([("prepare_pool", None)])
    ledger = one.now.ledger
    lost, missed = ledger.in_split(Split.POOL)[0], ledger.in_split(Split.VAL)[0]
    held = {sample_id: damage(one, sample_id) for sample_id in (lost, missed)}
    for path in (ledger.root / "embeddings").iterdir():
        path.unlink()  # as on the day before: all is computed anew
    for asset in ("embeddings", "zcore_scores"):
        result = one.run_asset(asset, "")
        assert result.success, failure_of(result)
        if asset == "embeddings":
            shown = metadata_of(result, asset)
    assert {row.data["sample_id"] for row in shown["set aside"].records} == {lost, missed}
    assert all("no longer is" in row.data["reason"] for row in shown["set aside"].records)
    assert ledger.embeddings("torch")[1].shape == (len(ledger.samples()) - 2, 5)
    assert set(ledger.zcore()["sample_id"]) == set(ledger.in_split(Split.POOL)) - {lost}
    rebuild(one.now, DatasetResource(), lambda _: None)
    for sample_id, content in held.items():
        path_of(one, sample_id).write_bytes(content)
    one.turn([("next_batch", "v0"), ("send_holdout", None)])
    one.annotate()
    one.turn([("take_holdout", None), ("label_loop", "v0"), ("next_batch", "v1")])
    errors = pd.DataFrame(ledger.read("reports", "v0")["errors"]).set_index("sample_id")
    assert missed in errors.index
    chosen = pd.concat([ledger.manifest("v0"), ledger.manifest("v1")])
    assert lost not in set(chosen["sample_id"])
    assert Source.FAILURE in set(chosen["source"])
    again = one.run("prepare_pool")
    assert metadata_of(again, "embeddings")["computed now"] == 2
    assert not metadata_of(again, "embeddings")["set aside"].records
    assert lost in set(ledger.zcore()["sample_id"])


def test_scores_of_other_weights_are_refused_with_the_command(torch_world) -> None:
    one = torch_world
    one.turn([("prepare_pool", None)])
    script(one.folder / "net.pt", Pooled(seed=1))
    assert one.run_asset("embeddings", "").success
    refused = one.run("next_batch", "v0")
    assert "coverage scores were computed from other embeddings" in failure_of(refused)
    assert PREPARE in failure_of(refused)
    one.configure(embeddings={})
    assert "prepare_pool" in failure_of(one.run("next_batch", "v0"))


@pytest.mark.slow
def test_a_selection_mined_with_another_provider_is_refused_with_what_to_run(torch_world) -> None:
    one = torch_world
    one.configure(embeddings={})
    one.turn_v0()
    one.configure(embeddings={"provider": "torch", "model": "net.pt", "imgsz": 32, "device": "cpu"})
    assert PREPARE in failure_of(one.run_asset("failure_mined_batch", "v0"))
    one.turn([("prepare_pool", None)])
    assert "mined with other embeddings (hog_hsv-1)" in failure_of(one.run("next_batch", "v1"))
    assert one.run_asset("failure_mined_batch", "v0").success
    one.turn([("next_batch", "v1")])


def test_a_computation_that_was_killed_goes_on_where_it_was(torch_world) -> None:
    one = torch_world
    one.turn([("prepare_pool", None)])
    store = one.now.ledger.vectors
    ids, vectors = store.load("torch")
    version, whole = store.record("torch")["version"], vectors.copy()
    for path in store.folder.iterdir():
        path.unlink()
    store.keep("torch", version, ids[:25], whole[:25])
    result = one.run_asset("embeddings", "")
    assert metadata_of(result, "embeddings")["computed now"] == len(ids) - 25
    again, vectors = store.load("torch")
    assert again == ids
    assert (vectors == whole).all()
    assert not list(store.folder.glob("*.blocks"))
