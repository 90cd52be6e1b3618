import uuid
from collections import Counter

import dagster as dg
import pytest

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.cli import repair
from labelloop.cli.instance import instance_of
from labelloop.cli.state import look
from labelloop.core.errors import LabelError, LabelloopError
from labelloop.definitions import defs
from labelloop.partitions import ITERATIONS
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.rebuild import rebuild
from labelloop_tests.worlds import World

pytestmark = pytest.mark.slow


def nothing(_: str) -> None:
    """Nobody listens."""


def opened(world: World):
    home = world.now.home
    return LoopDataset.open(home, mongod.ensure(home), world.now.settings.name).dataset


def described(dataset):
    """All that a curator sees of a data set, keyed by labelloop's own ids."""
    dataset.reload()
    ids = dataset.values("sample_id")
    per_sample = {
        name: dict(zip(ids, dataset.values(path), strict=True))
        for name, path in {
            "status": "annotation_status", "zcore": "zcore", "tags": "tags", "boxes": "human_labels.detections.label",
            "places": "human_labels.detections.bounding_box", "found": "predictions_v0.detections.confidence",
            "missed": "eval_v0_fn", "file": "filepath", "task": "cvat_url", "page": "dagster_url",
        }.items()
    }  # fmt: skip
    return per_sample | {
        "tags": {sample_id: sorted(tags) for sample_id, tags in per_sample["tags"].items()},
        "fields": set(dataset.get_field_schema()),
        "views": {name: len(dataset.load_saved_view(name)) for name in dataset.list_saved_views()},
        "brain": dataset.list_brain_runs(),
        "workspaces": dataset.list_workspaces(),
        "evaluations": dataset.list_evaluations(),
        "info": dict(dataset.info),
    }


def test_a_database_that_was_emptied_is_made_again_as_it_was(half_way: World):
    before = described(opened(half_way))
    opened(half_way).delete()
    assert rebuild(half_way.now, DatasetResource(), nothing) == len(before["status"])
    after = described(opened(half_way))
    assert {key for key in before if before[key] != after[key]} == set()
    assert Counter(before["status"].values())["annotated"] > 6
    assert before["info"]["golden_qa_history"]


def test_what_was_changed_by_hand_is_as_the_files_say_after_a_rebuild(half_way: World):
    before = described(opened(half_way))
    dataset = opened(half_way)
    dataset.limit(3).tag_samples("split:test")
    dataset.delete_saved_view("batch_v0")
    dataset.set_values("zcore", [0.0] * len(dataset))
    rebuild(half_way.now, DatasetResource(), nothing)
    assert described(opened(half_way)) == before


@pytest.fixture
def own(half_way: World, tmp_path):
    """A copy that may be changed, with another name, for all worlds share a database."""
    world = half_way.copy(tmp_path / "own")
    world.configure(name=f"own-{uuid.uuid4().hex[:8]}")
    with instance_of(world.now.home) as instance:
        instance.add_dynamic_partitions(str(ITERATIONS.name), ["v0", "v1"])
        yield World(world.folder, instance)
    world.close()


def tasks_of(world: World):
    return {task["id"]: task for task in world.cvat.server(world.now).list_all("/api/tasks", "looking")}


def test_reset_archives_an_iteration_and_renames_its_tasks(own: World):
    ledger = own.now.ledger
    sent = [task["task_id"] for task in ledger.read("tasks", "v1")["tasks"]]
    there = tasks_of(own)
    ledger.write("rewriting", "v1/from-app", {})
    repair.reset(own.now, "v1", nothing, agreed=True)
    assert not ledger.is_being_rewritten("v1")
    assert ledger.iterations() == ["v0"]
    assert own.instance.get_dynamic_partitions(str(ITERATIONS.name)) == ["v0"]
    (archive,) = (ledger.root / "archive").iterdir()
    assert {p.relative_to(archive).as_posix() for p in archive.rglob("*") if p.is_file()} == {
        "batches/v1.json", "cuts/v1.json", "rewriting/v1/from-app.json", "tasks/v1.json",
    }  # fmt: skip
    after = tasks_of(own)
    assert after.keys() == there.keys()
    assert {task_id for task_id in after if after[task_id]["name"].startswith("[reset ")} == set(sent)
    assert "batch_v1" not in opened(own).list_saved_views()
    assert not opened(own).count_sample_tags().get("batch:v1")


def test_after_a_reset_the_same_selection_goes_out_again_in_new_tasks(own: World):
    before = own.now.ledger.manifest("v1")
    old = {task["task_id"] for task in own.now.ledger.read("tasks", "v1")["tasks"]}
    repair.reset(own.now, "v1", nothing, agreed=True)
    own.turn([("next_batch", "v1")])
    assert own.now.ledger.manifest("v1").equals(before)
    assert not old & {task["task_id"] for task in own.now.ledger.read("tasks", "v1")["tasks"]}


def test_reset_from_the_beginning_keeps_the_hold_out_and_the_pool(own: World):
    repair.reset(own.now, "v0", nothing, agreed=True)
    ledger = own.now.ledger
    assert ledger.iterations() == []
    assert ledger.read_or_none("selections", "v1") is None
    assert ledger.has_labels("holdout")
    assert list((ledger.root / "models").iterdir()) == []
    status = look(own.now, own.instance)
    assert (status.counts.annotated, list(status.turns)) == (0, [])


def test_reset_archives_what_was_told_of_test_and_remembers_who_looked(own: World):
    ledger = own.now.ledger
    ledger.write("final", "v0", {"results": []})
    ledger.write("final", "history", {"looks": []})
    ledger.save_predictions("some", ledger.predictions("v0"), "final_predictions/v0")
    repair.reset(own.now, "v0", nothing, agreed=True)
    (archive,) = (ledger.root / "archive").iterdir()
    assert (archive / "final" / "v0.json").is_file()
    assert (archive / "final_predictions" / "v0" / "some.parquet").is_file()
    assert [path.name for path in (ledger.root / "final").iterdir()] == ["history.json"]


def test_reset_refuses_while_a_run_is_in_flight(own: World):
    tags = {"dagster/partition": "v1"}
    job = defs.resolve_job_def("next_batch")
    own.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTING)
    with pytest.raises(LabelloopError, match="Runs are in flight: next_batch v1"):
        repair.reset(own.now, "v1", nothing, agreed=True)
    assert own.now.ledger.iterations() == ["v0", "v1"]


def test_reset_asks_and_takes_no_for_an_answer(own: World):
    asked = []
    repair.reset(own.now, "v1", nothing, agreed=lambda question: bool(asked.append(question)))
    assert "v1" in asked[0]
    assert own.now.ledger.iterations() == ["v0", "v1"]


def test_reset_of_what_is_not_there_says_so(own: World):
    said = []
    repair.reset(own.now, "v7", said.append, agreed=True)
    assert said == ["there is nothing from v7 on"]
    with pytest.raises(LabelError, match="'seven' is not an iteration"):
        repair.reset(own.now, "seven", nothing, agreed=True)
