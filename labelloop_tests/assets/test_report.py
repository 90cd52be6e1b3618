"""The final report: asked for, labelled, told, asked for again, on a real server and a real database."""

import getpass
import io
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.edits import COMPARED
from labelloop.cli import state
from labelloop.cli.status import show
from labelloop.core.vocabulary import TEST, Split
from labelloop.definitions import defs
from labelloop.resources import final
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.detector import DetectorResource
from labelloop.resources.labelled import labelled
from labelloop.resources.pool import remaining_pool
from labelloop.resources.rebuild import rebuild
from labelloop.resources.report import REPORT_NAME, write_report
from labelloop_tests import worlds
from labelloop_tests.annotating import finish, without_the_last
from labelloop_tests.assets.test_pull_edits import KEPT, move
from labelloop_tests.fakes import MemorisingDetector
from labelloop_tests.worlds import World, failure_of, metadata_of

pytestmark = pytest.mark.slow

JOB = "final_evaluation"


def quiet(_: str) -> None:
    """Nobody listens."""


def own_copy(turned: World, folder: Path) -> World:
    """A copy that may be changed, with a data set of its own."""
    world = turned.copy(folder)
    world.configure(name=f"final-{uuid.uuid4().hex[:8]}")
    rebuild(world.now, DatasetResource(), quiet)
    return world


@pytest.fixture(scope="module")
def told(turned: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A project in which the final report of v0 was asked for, labelled and told."""
    world = own_copy(turned, tmp_path_factory.mktemp("told") / "own")
    assert world.run(JOB).success
    world.annotate()
    world.turn([(JOB, None)])
    yield world
    world.close()


@pytest.fixture
def unasked(turned: World, tmp_path: Path) -> Iterator[World]:
    """A project whose report nobody has asked for."""
    world = own_copy(turned, tmp_path / "own")
    yield world
    world.close()


def ask(world: World, **tags: str) -> dg.ExecuteInProcessResult:
    """Ask for the report with tags on the run, as in a terminal."""
    result = world._execute(defs.resolve_job_def(JOB), None, {}, tags)
    assert result.success, failure_of(result)
    return result


def observed(result: dg.ExecuteInProcessResult) -> dict:
    (event,) = result.get_asset_observation_events()
    return {name: value.value for name, value in event.asset_observation_data.asset_observation.metadata.items()}


def test_images(world: World) -> set[str]:
    return set(world.now.ledger.in_split(Split.TEST))


test_images.__test__ = False


def tasks_in_subset(world: World, subset: str) -> list[dict]:
    tasks = world.cvat.server(world.now).list_all("/api/tasks", "looking")
    return [task for task in tasks if task["subset"] == subset]


def dataset(world: World):
    home = world.now.home
    found = LoopDataset.open(home, mongod.ensure(home), world.now.settings.name).dataset
    found.reload()
    return found


def test_before_people_have_labelled_test_it_is_with_them_once_and_nothing_is_told(unasked: World) -> None:
    first, second = ask(unasked), ask(unasked)
    for result in (first, second):
        assert result.asset_materializations_for_node("final_report") == []
        told = observed(result)
        assert "0 of" in told["status"]
        assert "run final_evaluation again" in told["status"]
        assert "/tasks/" in told["CVAT tasks"]
    sent = unasked.now.ledger.read("tasks", TEST)["tasks"]
    assert {task["subset"] for task in sent} == {"Test"}
    assert {sample_id for task in sent for sample_id in task["frames"].values()} == test_images(unasked)
    assert len(tasks_in_subset(unasked, "Test")) == len(sent)
    assert final.history(unasked.now).empty
    status = state.look(unasked.now, unasked.instance)
    assert any("final report waits for test" in sentence for sentence in status.waits_for)
    assert TEST in {task["batch"] for task in status.tasks}


def test_nothing_is_sent_to_a_cvat_of_people_before_they_allow_it(unasked: World, monkeypatch) -> None:
    unasked.configure(sandbox="off")
    monkeypatch.setenv("CVAT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", "anything")
    unasked.cvat = CvatResource()
    result = unasked.run(JOB)
    assert not result.success
    assert "annotation.push is false" in failure_of(result)
    assert unasked.now.ledger.read_or_none("tasks", TEST) is None


def trust(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The labels of the source count in the hold-out, and there is no CVAT."""
    world.configure(sandbox="off", trust_source_labels="holdout")
    monkeypatch.delenv("CVAT_URL", raising=False)
    world.cvat = CvatResource()


def test_trusted_labels_of_the_source_count_and_nobody_is_asked(unasked: World, monkeypatch) -> None:
    trust(unasked, monkeypatch)
    metadata = metadata_of(ask(unasked), "final_report")
    assert metadata["test images"] == len(test_images(unasked))
    assert unasked.now.ledger.read("batches", TEST)["rows"] == []
    assert not unasked.now.ledger.has_labels(TEST)


def test_what_was_changed_on_trusted_labels_in_the_app_is_kept_before_they_are_shown_as_they_came(
    unasked: World, monkeypatch
) -> None:
    trust(unasked, monkeypatch)
    for _ in range(2):
        assert KEPT not in metadata_of(ask(unasked), "final_report")
    sample = dataset(unasked).load_saved_view("test_set").first()
    there = sample["human_labels"].detections[0].bounding_box
    move(sample["human_labels"].detections[0])
    sample.save()
    [name] = metadata_of(ask(unasked), "final_report")[KEPT].split(", ")
    kept = unasked.now.ledger.read("backups", f"test/{name}")
    assert list(kept) == [sample["sample_id"]]
    assert kept[sample["sample_id"]]["human_labels"]["detections"][0]["bounding_box"] == [0.25, 0.2, 0.5, 0.5]
    sample.reload()
    assert sample["human_labels"].detections[0].bounding_box == there
    assert KEPT not in metadata_of(ask(unasked), "final_report")


def test_a_data_set_that_shows_no_label_yet_shows_trusted_ones_with_the_first_report(
    unasked: World, monkeypatch
) -> None:
    trust(unasked, monkeypatch)
    shown = dataset(unasked)
    shown.delete_sample_fields([str(field) for field in COMPARED if shown.has_field(str(field))])
    assert KEPT not in metadata_of(ask(unasked), "final_report")
    shown.reload()
    assert shown.load_saved_view("test_set").count("human_labels.detections") > 0


def test_what_is_told_is_of_the_named_model_and_of_test_alone(told: World) -> None:
    ledger = told.now.ledger
    result = final.newest(told.now, "v0")
    assert result["model"] == ledger.read("models", "v0")["model"]
    assert {row["sample_id"] for row in result["errors"]} == test_images(told)
    assert {row["label"] for row in result["per_class"]} == set(ledger.schema().classes)
    assert 0 < result["map50"] < 1
    assert set(final.predictions_of(told.now, result)["sample_id"]) <= test_images(told)
    found = dataset(told)
    test = found.load_saved_view("test_set")
    assert test.exists("human_labels").count() == test.exists("predictions_test_v0").count() == len(test)
    assert found.exists("predictions_test_v0").count() == len(test)
    assert "eval_test_v0" in found.list_evaluations()
    errors = {row["sample_id"]: (row["fn"], row["fp"]) for row in result["errors"]}
    columns = test.values(["sample_id", "eval_test_v0_fn", "eval_test_v0_fp"])
    assert {sample_id: (fn, fp) for sample_id, fn, fp in zip(*columns, strict=True)} == errors


def test_asked_again_the_recorded_figures_are_shown_and_the_model_is_not_run(told: World, monkeypatch) -> None:
    before = final.newest(told.now, "v0")
    monkeypatch.setattr(MemorisingDetector, "predict", lambda *_: pytest.fail("it was run again"))
    metadata = metadata_of(ask(told, **{"labelloop/model": "v0", "author": "ada"}), "final_report")
    assert metadata["mAP50"] == round(before["map50"], 4)
    assert final.newest(told.now, "v0") == before
    looks = final.history(told.now)
    assert list(looks["evaluated"]) == [False] * (len(looks) - 1) + [True]
    assert (looks["user"][0], looks["author"][0], looks["iteration"][0]) == (getpass.getuser(), "ada", "v0")
    assert looks["model"][0] == before["model"]
    assert len(metadata["who looked"].records) == len(looks)


def test_nothing_but_the_report_knows_the_labels_of_test(told: World) -> None:
    """The loop goes on as if nobody had ever labelled test: same data, same model, same figures, same selection."""
    ledger = told.now.ledger
    assert ledger.has_labels(TEST)
    for batches in ([], ["v0"], ["v0", TEST]):
        known = labelled(told.now, batches)
        assert not test_images(told) & {*known.reviewed, *known.boxes["sample_id"]}
    kinds = {"models": "v0", "reports": "v0", "selections": "v1", "verdicts": "v0"}
    before = {kind: ledger.read(kind, name) for kind, name in kinds.items()} | {"pool": list(remaining_pool(told.now))}
    trained = (ledger.model_folder(before["models"]["model"]) / "weights.pt").read_text()
    assert not any(sample_id in trained for sample_id in test_images(told))
    told.turn([("take_holdout", None), ("label_loop", "v0")])
    after = {kind: ledger.read(kind, name) for kind, name in kinds.items()} | {"pool": list(remaining_pool(told.now))}
    before["reports"]["seconds"] = after["reports"]["seconds"] = 0
    assert after == before
    assert not test_images(told) & {row["sample_id"] for row in after["reports"]["errors"]}


def test_status_and_report_tell_it(told: World) -> None:
    status = state.look(told.now, told.instance)
    (found,) = status.to_dict()["final"]
    assert (found["iteration"], found["images"]) == ("v0", len(test_images(told)))
    assert found["looks"] >= 1
    assert not any("final report" in sentence for sentence in status.waits_for)
    written = io.StringIO()
    show(status, Console(width=200, file=written))
    assert f"v0 on test  mAP50 {found['map50']:.3f}" in written.getvalue()
    write_report(told.now, [])
    assert "mAP50 on test (v0)" in (told.now.home.root / REPORT_NAME).read_text()


def test_a_rebuild_shows_it_as_it_was(told: World) -> None:
    def shown() -> list:
        found = dataset(told)
        columns = found.load_saved_view("test_set").values(
            ["sample_id", "human_labels.detections.label", "predictions_test_v0.detections.confidence",
             "eval_test_v0_fn"]
        )  # fmt: skip
        return [sorted(zip(*columns, strict=True), key=lambda row: row[0]), found.info["eval_test_v0"]]

    before = shown()
    rebuild(told.now, DatasetResource(), quiet)
    assert shown() == before


def test_labels_that_people_have_corrected_are_taken_and_the_model_is_evaluated_anew(told: World) -> None:
    before = final.newest(told.now, "v0")
    finish(told, TEST, without_the_last)
    ask(told)
    after = final.newest(told.now, "v0")
    assert after["labels"] != before["labels"]
    assert after["model"] == before["model"]
    results = told.now.ledger.read("final", "v0")["results"]
    assert before in results
    assert final.history(told.now)["evaluated"][0]


@pytest.mark.parametrize(("wanted", "said"), [("latest", "Iterations are called"), ("v1", "label_loop")])
def test_a_model_that_is_not_there_is_refused(told: World, wanted: str, said: str) -> None:
    looks = len(final.history(told.now))
    result = told.run(JOB, ops={"final_report": {"config": {"iteration": wanted}}})
    assert not result.success
    assert said in failure_of(result)
    assert len(final.history(told.now)) == looks


def test_a_real_detector_is_reported_on(world, monkeypatch) -> None:
    monkeypatch.setattr(worlds, "MemorisingDetector", DetectorResource)
    small = {"weights": "labelloop:digits", "imgsz": 64, "epochs_first": 1, "batch": 4, "device": "cpu"}
    one = world(train=small, evaluate={"confidence": 0.01})
    one.turn_v0()
    one.turn([(JOB, None)])
    one.annotate()
    told, again = (metadata_of(ask(one), "final_report") for _ in range(2))
    assert told["test images"] == len(test_images(one))
    assert set(told) >= {"mAP50", "mAP50-95", "mAP50 on val", "per class", "worst images", "who looked"}
    assert again["mAP50"] == told["mAP50"]
    assert list(final.history(one.now)["evaluated"]) == [False, True]


def test_images_of_test_that_are_damaged_are_left_out_and_named(told: World, tmp_path: Path) -> None:
    """After people labelled it in CVAT: its labels are there, but the picture is not the one they saw."""
    one = own_copy(told, tmp_path / "damaged")
    sample_id, content = _damage(one)
    metadata = metadata_of(ask(one), "final_report")
    assert metadata["test images"] == len(test_images(one)) - 1
    assert sample_id in str(metadata["test images left out"])
    assert list(final.newest(one.now, "v0")["left_out"]) == [sample_id]
    write_report(one.now, [])
    page = (one.now.home.root / REPORT_NAME).read_text()
    assert "test images left out" in page
    assert f"{sample_id}: " in page
    content[0].write_bytes(content[1])
    assert "test images left out" not in metadata_of(ask(one), "final_report")
    one.close()


def test_a_damaged_image_whose_source_labels_are_trusted_is_named_too(unasked: World, monkeypatch) -> None:
    trust(unasked, monkeypatch)
    sample_id, _ = _damage(unasked)
    metadata = metadata_of(ask(unasked), "final_report")
    assert metadata["test images"] == len(test_images(unasked)) - 1
    assert sample_id in str(metadata["test images left out"])


def test_an_image_that_was_never_sent_because_it_is_damaged_is_named_in_the_end(unasked: World) -> None:
    sample_id, _ = _damage(unasked)
    ask(unasked)
    unasked.annotate()
    metadata = metadata_of(ask(unasked), "final_report")
    assert metadata["test images"] == len(test_images(unasked)) - 1
    assert sample_id in str(metadata["test images left out"])


def _damage(world: World) -> tuple[str, tuple[Path, bytes]]:
    """Cut the file of one image of test off; its sample, and how it was."""
    sample_id = min(test_images(world))
    path = world.now.home.locate(world.now.ledger.samples().set_index("sample_id").loc[sample_id, "path"])
    content = path.read_bytes()
    path.write_bytes(content[:40])
    return sample_id, (path, content)
