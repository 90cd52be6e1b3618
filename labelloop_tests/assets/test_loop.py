"""The loop turned once and a half, through a real server and a real database."""

import json

import dagster as dg
import pandas as pd
import pytest

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.task_table import SHORT
from labelloop.core.vocabulary import Source, Split
from labelloop.resources.labelled import labelled
from labelloop.resources.pool import remaining_pool
from labelloop_tests.worlds import World


@pytest.fixture(scope="module")
def dataset(turned: World):
    home = turned.now.home
    return LoopDataset.open(home, mongod.ensure(home), turned.now.settings.name).dataset


def test_v1_begins_with_the_mined_batch(turned: World) -> None:
    ledger = turned.now.ledger
    mined = pd.DataFrame(ledger.read("selections", "v1")["rows"])
    sent = ledger.manifest("v1")
    assert list(sent[sent["source"] != Source.GOLDEN]["sample_id"]) == list(mined["sample_id"])
    assert set(mined["source"]) == {Source.COVERAGE, Source.FAILURE}


def test_no_image_is_selected_twice_and_none_is_held_out(turned: World) -> None:
    ledger = turned.now.ledger
    chosen = pd.concat([ledger.manifest("v0"), ledger.manifest("v1")])
    own = chosen[chosen["source"] != Source.GOLDEN]["sample_id"]
    assert not own.duplicated().any()
    assert set(own) <= set(ledger.in_split(Split.POOL))


def test_the_budget_is_met_exactly(turned: World) -> None:
    for iteration in ("v0", "v1"):
        manifest = turned.now.ledger.manifest(iteration)
        assert (manifest["source"] != Source.GOLDEN).sum() == 6
        assert (manifest["source"] == Source.GOLDEN).sum() == 1


def test_every_batch_row_says_why(turned: World) -> None:
    assert turned.now.ledger.manifest("v1")["reason"].str.len().min() > 5


def test_labels_of_people_are_the_hidden_truth(turned: World) -> None:
    now = turned.now
    known = labelled(now, ["v0"])
    truth = now.ledger.source_labels()
    truth = truth[truth["sample_id"].isin(known.reviewed)]
    assert sorted(zip(known.boxes["sample_id"], known.boxes["label"], strict=True)) == sorted(
        zip(truth["sample_id"], truth["label"], strict=True)
    )


def test_labels_used_counts_the_hold_out_and_repeated_golden_images(turned: World) -> None:
    report = turned.now.ledger.read("reports", "v0")
    holdout = len(turned.now.ledger.in_split(Split.VAL, Split.GOLDEN))
    assert report["labels_used"] == holdout + 6 + 1


def test_everything_received_is_accounted_for(turned: World) -> None:
    for batch in ("holdout", "v0"):
        census = turned.now.ledger.label_version(batch).census
        settled = census["stored"] + census["shown"] + census["quarantined"] + census["removed"]
        assert (census["received"] == settled).all()


def test_the_page_of_annotated_batch_shows_each_task(turned: World) -> None:
    event = turned.instance.get_latest_materialization_event(dg.AssetKey("annotated_batch"))
    told = event.asset_materialization.metadata["tasks"].value
    head, rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in told.splitlines()]
    assert head == ["task", "frames", "removed frames", "shapes", "quarantined", "revision"]
    assert rule == ["---"] * len(head)
    contents = turned.now.ledger.contents("v0")[0]
    assert [row[1:3] for row in rows] == [[str(len(content.frames)), "0"] for content in contents]
    for row, content in zip(rows, contents, strict=True):
        assert row[0].startswith(rf"[#{content.task_id} ")
        assert row[0].endswith(f"]({content.url})")
        boxes = sum(len(frame.shapes) for frame in content.frames)
        assert row[3:] == [f"rectangle {boxes}", "", content.revision[:SHORT]]


def test_failures_are_images_with_an_error(turned: World, dataset) -> None:
    errors = pd.DataFrame(turned.now.ledger.read("reports", "v0")["errors"]).set_index("sample_id")
    tagged = dataset.match_tags("failure:high_fn:v0").values("sample_id")
    assert tagged
    assert (errors.loc[tagged, "fn"] > 0).all()


def test_fiftyone_counts_the_same_errors_as_the_plain_files(turned: World, dataset) -> None:
    errors = pd.DataFrame(turned.now.ledger.read("reports", "v0")["errors"]).set_index("sample_id")
    view = dataset.match({"sample_id": {"$in": list(errors.index)}})
    for sample_id, fn, fp in zip(*view.values(["sample_id", "eval_v0_fn", "eval_v0_fp"]), strict=True):
        assert (errors.loc[sample_id, "fn"], errors.loc[sample_id, "fp"]) == (fn, fp)


def test_a_curator_finds_the_views_and_fields(dataset) -> None:
    assert {"test_set", "val_set", "golden_qa", "pool", "batch_v0", "batch_v1", "eval_v0_failures"} <= set(
        dataset.list_saved_views()
    )
    assert {"human_labels", "predictions_v0", "zcore", "annotation_status"} <= set(dataset.get_field_schema())
    assert "img_viz" in dataset.list_brain_runs()
    assert dataset.info["eval_v0"]["map50"] > 0


def test_hidden_labels_stay_hidden_in_replay(dataset) -> None:
    assert not dataset.has_field("ground_truth")


def test_test_images_are_neither_labelled_nor_predicted_on(turned: World, dataset) -> None:
    test = dataset.load_saved_view("test_set")
    assert len(test) > 0
    assert test.exists("human_labels").count() == test.exists("predictions_v0").count() == 0
    assert not set(labelled(turned.now, ["v0"]).reviewed) & set(turned.now.ledger.in_split(Split.TEST))


def test_golden_history_has_a_baseline_and_a_blind_comparison(dataset) -> None:
    kinds = [entry["kind"] for entry in dataset.info["golden_qa_history"]]
    assert kinds == ["baseline", "blind"]


def test_a_golden_image_hidden_in_a_batch_is_not_trained_on(turned: World) -> None:
    manifest = turned.now.ledger.manifest("v0")
    golden = set(manifest[manifest["source"] == Source.GOLDEN]["sample_id"])
    model = turned.now.ledger.read("models", "v0")["model"]
    trained = (turned.now.ledger.model_folder(model) / "weights.pt").read_text()
    assert golden
    assert not any(sample_id in trained for sample_id in golden)


@pytest.mark.slow
def test_images_that_people_found_empty_are_trained_as_background(world) -> None:
    one = world()
    one.turn([("prepare_pool", None), ("next_batch", "v0"), ("send_holdout", None)])
    ledger = one.now.ledger
    emptied = ledger.manifest("v0")["sample_id"].iloc[0]
    boxes = ledger.source_labels()
    ledger.save_source_labels(boxes[boxes["sample_id"] != emptied])
    one.annotate()
    one.turn([("take_holdout", None), ("take_batch", "v0")])
    known = labelled(one.now, ["v0"])
    assert emptied in known.reviewed
    assert emptied not in set(known.boxes["sample_id"])


@pytest.mark.slow
def test_running_everything_again_changes_nothing(world) -> None:
    one = world()
    first = [("prepare_pool", None), ("next_batch", "v0"), ("send_holdout", None)]
    second = [("take_holdout", None), ("label_loop", "v0"), ("next_batch", "v1")]
    one.turn(first)
    one.annotate()
    one.turn(second)
    before = _plain_files(one)
    tasks = len(one.cvat.server(one.now).list_all("/api/tasks", "counting"))
    one.turn([*first, *second])
    assert _plain_files(one) == before
    assert len(one.cvat.server(one.now).list_all("/api/tasks", "counting")) == tasks


def _plain_files(world: World) -> dict[str, bytes]:
    root = world.now.home.root
    kinds = ("batches", "labels", "selections", "tasks", "verdicts", "models", "embeddings")
    files = [path for kind in kinds for path in sorted((root / kind).rglob("*")) if path.is_file()]
    tables = [root / name for name in ("samples.parquet", "splits.parquet", "zcore.parquet", "schema.json")]
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in [*files, *tables]}
    reports = {it: world.now.ledger.read("reports", it) | {"seconds": 0} for it in ("v0",)}
    return found | {"reports": json.dumps(reports).encode()}


def test_what_remains_is_the_pool_without_batches(turned: World) -> None:
    now = turned.now
    assert set(remaining_pool(now).index) == set(now.ledger.in_split(Split.POOL)) - now.ledger.selected()
