"""Boxes as vectors: what is embedded, when it is computed anew, and what the App and the table show of it."""

from collections.abc import Iterator

import pytest

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.annotation import TaskContent
from labelloop.core.patches import sample_of
from labelloop.core.vocabulary import HELD_OUT, PATCH_VIZ, Split
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.labelled import labelled
from labelloop.resources.patches import labelled_patches, patch_vectors, predicted_patches
from labelloop.resources.project import Project
from labelloop.resources.rebuild import rebuild
from labelloop_tests.worlds import World, failure_of, make_world, metadata_of


def embed(one: World, iteration: str = "v0") -> dict:
    result = one.run_asset("patch_embeddings", iteration)
    assert result.success, failure_of(result)
    return metadata_of(result, "patch_embeddings")


def maps(one: World) -> dict[str, int]:
    """Points of each map of boxes in the App."""
    now = one.now
    dataset = LoopDataset.open(now.home, mongod.ensure(now.home), now.settings.name).dataset
    keys = [key for key in dataset.list_brain_runs() if key.startswith(PATCH_VIZ)]
    return {key: len(dataset.load_brain_results(key).points) for key in keys}


def move_one(now: Project) -> None:
    """A box of v0 is drawn anew, seven pixels further left and up, where nothing was drawn before."""
    contents, sample_of_frame = now.ledger.contents("v0")
    plain = [content.to_dict() for content in contents]
    held_out = set(now.ledger.in_split(*HELD_OUT))
    own = [frame for content in plain for frame in content["frames"] if sample_of_frame[frame["name"]] not in held_out]
    shape = next(shape for frame in own for shape in frame["shapes"] if min(shape["points"]) >= 7)
    shape["points"] = [place - 7 for place in shape["points"]]
    now.ledger.save_labels("v0", [TaskContent.from_dict(content) for content in plain], sample_of_frame)


@pytest.fixture(scope="module")
def embedding(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A project that embeds its boxes, turned once; whoever changes it has it embedded again."""
    one = make_world(tmp_path_factory.mktemp("patches"), embeddings={"patches": True})
    one.turn_v0()
    yield one
    one.close()


@pytest.mark.slow
def test_where_nobody_asks_for_it_no_box_is_embedded(turned) -> None:
    assert not patch_vectors(turned.now).folder.exists()


@pytest.mark.slow
def test_boxes_are_embedded_with_the_labels_they_come_with_and_shown(embedding) -> None:
    one = embedding
    now = one.now
    ids, vectors = patch_vectors(now).load("hog_hsv")
    drawn, (iteration, predicted) = labelled_patches(now), predicted_patches(now)
    assert set(ids) == {*drawn["patch_id"], *predicted["patch_id"]}
    assert len(drawn) == len(labelled(now, ["v0"]).boxes)
    assert (iteration, vectors.shape) == ("v0", (len(ids), 388))
    assert not {sample_of(name) for name in ids} & set(now.ledger.in_split(Split.TEST))
    assert maps(one) == {PATCH_VIZ: len(drawn), f"{PATCH_VIZ}_predictions_v0": len(predicted)}
    told = embed(one)  # the same again
    assert told["computed now"] == 0
    assert told["dagster/row_count"] == len(ids)
    assert told["map fitted on"] == sum(sample_of(name) in set(now.ledger.in_split(Split.POOL)) for name in ids)
    rebuild(now, DatasetResource(), lambda _: None)
    assert maps(one) == {PATCH_VIZ: len(drawn), f"{PATCH_VIZ}_predictions_v0": len(predicted)}


@pytest.mark.slow
def test_only_a_box_that_was_moved_is_computed_anew_and_one_that_is_gone_is_forgotten(embedding) -> None:
    one = embedding
    now = one.now
    store = patch_vectors(now)
    before = set(store.load("hog_hsv")[0])
    old = set(labelled_patches(now)["patch_id"])
    move_one(now)
    fresh = set(labelled_patches(now)["patch_id"]) - old
    assert len(fresh) == 1
    assert embed(one)["computed now"] == 1
    after = set(store.load("hog_hsv")[0])
    assert after - before == fresh
    assert len(before - after) == 1


@pytest.mark.slow
def test_a_computation_of_boxes_that_was_killed_goes_on_where_it_was(embedding) -> None:
    one = embedding
    store = patch_vectors(one.now)
    ids, vectors = store.load("hog_hsv")
    version, whole = store.record("hog_hsv")["version"], vectors.copy()
    for path in store.folder.iterdir():
        path.unlink()
    store.keep("hog_hsv", version, ids[:5], whole[:5])
    assert embed(one)["computed now"] == len(ids) - 5
    again, vectors = store.load("hog_hsv")
    assert again == ids
    assert (vectors == whole).all()
