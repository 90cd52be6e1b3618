"""Boxes of a model in the tasks of a batch: drawn once, none where people must be blind, followed until training."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from labelloop.adapters import mongod
from labelloop.adapters.cvat import prefill
from labelloop.adapters.cvat.jobs import complete_job, delete_frames, jobs_of_task, put_job_annotations
from labelloop.adapters.cvat.pull import content
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.errors import CvatError
from labelloop.core.vocabulary import HELD_OUT
from labelloop.resources import prefilled, reset
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.labelled import labelled
from labelloop.resources.project import Project
from labelloop.resources.rebuild import rebuild
from labelloop.sensors import next_iteration
from labelloop_tests.fakes import Log, MemorisingDetector
from labelloop_tests.test_sensors import Daemon
from labelloop_tests.worlds import World, failure_of, make_world, metadata_of

pytestmark = pytest.mark.slow


class HastyDetector(MemorisingDetector):
    """It finds everything in the images of a batch, and is wrong about most of it, in one way or another."""

    def predict(
        self, now: Project, model: str, sample_ids: list[str], log: Log, *, confidence: float | None = None
    ) -> pd.DataFrame:
        if confidence is None:
            return super().predict(now, model, sample_ids, log)
        truth = self.truth(now)
        truth = truth[truth["sample_id"].isin(sample_ids)].sort_values(["sample_id", "x1", "y1"], ignore_index=True)
        found = truth.assign(score=0.8)
        kind, first = found.index % 6, now.ledger.schema().classes[0]
        found.loc[kind == 1, ["x1", "x2"]] += 4.0  # worth moving
        found.loc[kind == 2, "label"] = [_another(now, label) for label in found.loc[kind == 2, "label"]]
        found.loc[kind == 3, ["label", "x1", "y1", "x2", "y2"]] = (first, 0.0, 0.0, 4.0, 4.0)  # nothing is there
        found.loc[kind == 4, "x2"] = found.loc[kind == 4, "x1"] + 0.1  # no label can be so thin
        return found


def _another(now: Project, label: str) -> str:
    return next(name for name in now.ledger.schema().classes if name != label)


@pytest.fixture(scope="module")
def modelled(database: str, tmp_path_factory: pytest.TempPathFactory) -> World:
    """v0 is turned, so that there is a model, and pre-annotation is on."""
    annotation = {"segment_size": 3, "max_task_images": 4, "prefill": "model"}
    world = make_world(
        tmp_path_factory.mktemp("modelled") / "project",
        annotation=annotation,
        batch={"budget": 8, "golden_per_batch": 1},
    )
    world.turn_v0()
    return world


@pytest.fixture
def world(modelled: World, tmp_path: Path) -> Iterator[World]:
    made = modelled.copy(tmp_path)
    made.detector = HastyDetector()
    yield made
    made.close()


def drawn(world: World) -> dict[str, list[tuple]]:
    """What is in the tasks of v1, by sample."""
    server, found = world.cvat.server(world.now), {}
    for task in world.now.ledger.read("tasks", "v1")["tasks"]:
        for frame in content(server, task["task_id"]).frames:
            shapes = [(s["id"], s["label"], s["source"], *s["points"]) for s in frame.shapes]
            found[task["frames"][frame.name]] = sorted(shapes)
    return found


def written(now: Project) -> pd.DataFrame:
    rows = pd.DataFrame(now.ledger.read("prefilled", "v1")["rows"])
    return rows[rows["outcome"] == "written"]


def blank(now: Project) -> set[str]:
    return set(now.ledger.manifest("v1")["sample_id"]) & set(now.ledger.in_split(*HELD_OUT))


def test_a_batch_is_drawn_once_and_what_people_made_of_it_is_told(world: World) -> None:
    result = world.run("next_batch", "v1")
    assert result.success, failure_of(result)
    now, there = world.now, drawn(world)
    rows = pd.DataFrame(now.ledger.read("prefilled", "v1")["rows"])
    assert len(blank(now)) == 1
    assert all(not there[sample_id] for sample_id in blank(now))  # golden images are annotated blind
    assert not set(now.ledger.predictions("v1", prefilled.FOLDER)["sample_id"]) & blank(now)
    assert {shape[0] for shapes in there.values() for shape in shapes} == set(written(now)["shape_id"])
    assert {shape[2] for shapes in there.values() for shape in shapes} == {"auto"}
    told = metadata_of(result, "batch")
    outcomes = {record.data["outcome"]: record.data["count"] for record in told["proposed boxes"].records}
    assert outcomes == {"written": len(written(now)), "box without area": int((rows["outcome"] != "written").sum())}
    assert sum(outcomes.values()) == len(now.ledger.predictions("v1", prefilled.FOLDER))
    assert told["boxes drawn beforehand"] == len(written(now))

    world.detector = MemorisingDetector()  # would predict something else, if it was asked again
    before = now.ledger.read("prefilled", "v1")
    world.turn([("next_batch", "v1")])
    assert (drawn(world), now.ledger.read("prefilled", "v1")) == (there, before)

    world.annotate()
    result = world.run("label_loop", "v1")
    assert result.success, failure_of(result)
    told = metadata_of(result, "annotated_batch")
    table = pd.DataFrame([record.data for record in told["pre-annotations by class"].records])
    sums = table[["sent", "untouched", "edited", "deleted", "removed", "added"]].sum()
    assert sums["sent"] == len(written(now)) == sums["untouched"] + sums["edited"] + sums["deleted"]
    assert min(sums[["untouched", "edited", "deleted", "added"]]) > 0
    assert told["acceptance rate"] == pytest.approx(sums["untouched"] / sums["sent"], abs=1e-4)
    _labels_are_as_without(now)
    _provenance_reaches_the_app(now, dict(sums))


def _labels_are_as_without(now: Project) -> None:
    """People who correct end where people who draw on empty images do."""
    boxes, truth = labelled(now, ["v0", "v1"]).boxes, now.ledger.source_labels()
    own = set(now.ledger.manifest("v1")["sample_id"]) - blank(now)
    columns = ["sample_id", "label", "x1", "y1", "x2", "y2"]
    found, true = (
        frame.loc[frame["sample_id"].isin(own), columns].sort_values(columns, ignore_index=True)
        for frame in (boxes, truth)
    )
    assert found[columns[:2]].equals(true[columns[:2]])
    assert (found[columns[2:]] - true[columns[2:]]).abs().to_numpy().max() < 3.0  # nobody moves a box that fits


def _provenance_reaches_the_app(now: Project, sums: dict[str, int]) -> None:
    """Each box says where it comes from, in the files, in FiftyOne, and in FiftyOne made anew."""
    sources = now.ledger.label_version("v1").boxes["source"].value_counts()
    assert sources["auto"] == sums["untouched"]
    assert sources["edited"] == sums["edited"]
    assert _in_app(now) == _own(now)
    rebuild(now, DatasetResource(), lambda _: None)
    assert _in_app(now) == _own(now)


def _own(now: Project) -> dict[str, int]:
    boxes = now.ledger.label_version("v1").boxes
    return boxes.loc[~boxes["sample_id"].isin(blank(now)), "source"].value_counts().to_dict()


def _in_app(now: Project) -> dict[str, int]:
    dataset = LoopDataset.open(now.home, mongod.ensure(now.home), now.settings.name).dataset
    return dataset.match_tags("batch:v1").match_tags("split:pool").count_values("human_labels.detections.source")


def test_a_run_that_broke_off_in_between_goes_on_and_draws_nothing_twice(world: World, monkeypatch) -> None:
    fill, done = prefill.fill, []

    def breaking(server, task_id, shapes):
        done.append(fill(server, task_id, shapes))  # drawn, but the run cannot say so any more
        raise CvatError("the line is cut")

    with monkeypatch.context() as patch:
        patch.setattr(prefill, "fill", breaking)
        assert not world.run("next_batch", "v1").success
    there, now = drawn(world), world.now
    assert now.ledger.read_or_none("tasks", "v1") is not None
    assert prefilled.is_pending(now, "v1")
    world.instance = dg.DagsterInstance.ephemeral()  # that never heard of a run which failed: the files say it
    daemon = Daemon(world)
    (request,) = daemon.tick(next_iteration)
    assert (request.job_name, request.partition_key) == ("next_batch", "v1")
    assert world.start(request).success
    assert not prefilled.is_pending(now, "v1")
    after = drawn(world)
    assert sum(map(len, after.values())) == len(written(now)) > sum(map(len, there.values())) > 0
    assert {s[0] for shapes in there.values() for s in shapes} <= set(written(now)["shape_id"])
    assert "is chosen when v1 is annotated" in daemon.tick(next_iteration)


def test_a_job_that_somebody_began_is_left_to_them(world: World) -> None:
    world.configure(annotation={**world.now.settings.annotation.model_dump(), "prefill": "none"})
    world.turn([("next_batch", "v1")])
    server, now = world.cvat.server(world.now), world.now
    assert now.ledger.read_or_none("prefilled", "v1") is None
    jobs = [job for task in now.ledger.read("tasks", "v1")["tasks"] for job in jobs_of_task(server, task["task_id"])]
    complete_job(server, jobs[0].job_id)
    world.configure(annotation={**now.settings.annotation.model_dump(), "prefill": "model"})
    world.turn([("next_batch", "v1")])
    rows = pd.DataFrame(world.now.ledger.read("prefilled", "v1")["rows"])
    assert set(rows.loc[rows["job_id"] == jobs[0].job_id, "outcome"]) == {prefilled.WITHHELD}
    assert not rows.loc[rows["outcome"] == "written", "job_id"].isin([jobs[0].job_id]).any()
    assert set(rows["outcome"]) > {"written", prefilled.WITHHELD}


def test_a_removed_image_and_jobs_saved_whole_are_followed_too(world: World) -> None:
    world.turn([("next_batch", "v1")])
    server, now = world.cvat.server(world.now), world.now
    (task, *_), gone = now.ledger.read("tasks", "v1")["tasks"], ""
    for frame in content(server, task["task_id"]).frames:
        gone = gone or (task["frames"][frame.name] if frame.shapes else "")
    frames = [f.frame for f in content(server, task["task_id"]).frames if task["frames"][f.name] == gone]
    delete_frames(server, task["task_id"], frames)
    for each in now.ledger.read("tasks", "v1")["tasks"]:
        shapes = [s for frame in content(server, each["task_id"]).frames for s in frame.shapes]
        for job in jobs_of_task(server, each["task_id"]):
            own = [s for s in shapes if job.start_frame <= s["frame"] <= job.stop_frame]
            plain = [{k: s[k] for k in ("type", "frame", "label_id", "points")} for s in own]
            put_job_annotations(server, job.job_id, plain)  # new ids, and `source` is lost
            complete_job(server, job.job_id)
    told = metadata_of(world.run_asset("annotated_batch", "v1"), "annotated_batch")
    assert told["acceptance rate"] == 1.0
    table = pd.DataFrame([record.data for record in told["pre-annotations by class"].records])
    assert table["removed"].sum() == (written(now)["sample_id"] == gone).sum() > 0
    assert set(now.ledger.label_version("v1").boxes["source"]) == {"auto"}


def test_v0_has_no_model_and_a_reset_takes_what_was_drawn_with_it(world: World) -> None:
    assert world.now.ledger.read_or_none("prefilled", "v0") is None
    world.turn([("next_batch", "v1")])
    folder = reset.archive(world.now, "v1")
    assert (folder / "prefilled" / "v1.json").is_file()
    assert (folder / "prefill" / "v1.parquet").is_file()
    assert world.now.ledger.read_or_none("prefilled", "v1") is None
