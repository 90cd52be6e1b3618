"""What people change in the App on labels from CVAT reaches its tasks, when somebody asks for it and agrees."""

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from labelloop.adapters.cvat.jobs import jobs_of_task
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.cli import repush as command
from labelloop.core.errors import MissingStateError
from labelloop.core.vocabulary import Field
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.shown import show_version
from labelloop_tests.fiftyone_world import database
from labelloop_tests.resources.test_repush import Sent
from labelloop_tests.sending import place, through

__all__ = ["place"]
pytestmark = pytest.mark.slow
OUTLINE = [10.0, 10.0, 40.0, 10.0, 40.0, 40.0]
BOX = [11.0, 11.0, 16.0, 17.0]


@contextlib.contextmanager
def writing(sent: Sent) -> Iterator[LoopDataset]:
    with DatasetResource().writing(sent.now, lambda _: None) as loop:
        yield loop


@pytest.fixture
def sent(place, tmp_path, monkeypatch) -> Iterator[Sent]:
    """The first image of the first task has an outline and two boxes; both tasks were taken and are shown."""
    database()
    made = Sent(place, tmp_path)
    monkeypatch.setattr(command, "CvatResource", lambda: through(made.server))
    outline = {**made.box(0, 1), "type": "polygon", "points": OUTLINE, "z_order": 3}
    made.draw(made.tasks[0], [outline, made.box(0, 1), made.box(0, 11)])
    made.take()
    samples, version = made.now.ledger.samples(), made.now.ledger.label_version("v0")
    ids = samples["sample_id"]
    made.now.ledger.save_splits(pd.DataFrame({"sample_id": ids, "split": "pool", "group": ids, "origin": "cut"}))
    paths = {row.sample_id: str(made.now.home.locate(row.path)) for row in samples.itertuples()}
    try:
        with writing(made) as loop:
            loop.add_samples(samples, paths)
            show_version(made.now, loop, "v0", version, version.reviewed)
        yield made
    finally:
        with writing(made) as loop:
            loop.dataset.delete()


def edit_in_app(sent: Sent) -> None:
    """An end of the outline is moved, a box becomes a dog, the other one goes, a line is drawn."""
    fo: Any = importlib.import_module("fiftyone")
    [first, _] = sent.now.ledger.contents("v0")[0]
    with writing(sent) as loop:
        sample = loop.dataset.match({"sample_id": sent.sample_of[first.frames[0].name]}).first()
        outline = sample[Field.HUMAN_POLYLINES].polylines[0]
        outline.points = [[*outline.points[0][:2], (0.5, 0.5)]]
        line = fo.Polyline(label="cat", points=[[(0.0, 0.0), (0.5, 0.25)]], closed=False, filled=False)
        sample[Field.HUMAN_POLYLINES].polylines.append(line)
        boxes = sample[Field.HUMAN_LABELS].detections
        sample[Field.HUMAN_LABELS].detections = [box for box in boxes if box.shape_id == max(b.shape_id for b in boxes)]
        sample[Field.HUMAN_LABELS].detections[0].label = "dog"
        sample.save()


def drawn(sent: Sent) -> list[tuple[str, str, list[float]]]:
    """Type, label and points of all on the first frame of the first task."""
    shapes = sent.on_server()[0].frames[0].shapes
    return sorted((shape["type"], shape["label"], shape["points"]) for shape in shapes)


def test_an_edit_in_the_app_reaches_cvat_with_a_backup_and_nothing_else_moves(sent):
    before = sent.on_server()
    edit_in_app(sent)
    said: list[str] = []
    command.repush(sent.now, "v0", said.append, agreed=True, from_app=True)
    assert any("1 added, 2 changed, 1 removed" in line for line in said), said
    assert drawn(sent) == [
        ("polygon", "cat", [10.0, 10.0, 40.0, 10.0, 32.0, 24.0]),
        ("polyline", "cat", [0.0, 0.0, 32.0, 12.0]),
        ("rectangle", "dog", BOX),
    ]
    [outline] = [shape for shape in sent.on_server()[0].frames[0].shapes if shape["type"] == "polygon"]
    assert (outline["z_order"], [value["value"] for value in outline["attributes"]]) == (3, ["at 1"])
    assert sent.on_server()[1].revision == before[1].revision
    assert len(list((sent.now.home.root / "backups").rglob("*.json"))) == 1
    assert {job.state for task in sent.tasks for job in jobs_of_task(sent.server, task)} == {"completed"}
    said.clear()
    command.repush(sent.now, "v0", said.append, agreed=True, from_app=True)
    assert said == ["the tasks of v0 hold the labels that are here"]


def test_without_being_asked_or_without_agreement_an_edit_in_the_app_stays_there(sent):
    before, revision = drawn(sent), sent.now.ledger.revision("v0")
    edit_in_app(sent)
    command.repush(sent.now, "v0", lambda _: None, agreed=True)
    command.repush(sent.now, "v0", lambda _: None, agreed=lambda _: False, from_app=True)
    assert (drawn(sent), sent.now.ledger.revision("v0")) == (before, revision)


def test_where_nothing_was_changed_in_the_app_nothing_is_written(sent):
    said: list[str] = []
    command.repush(sent.now, "v0", said.append, agreed=True, from_app=True)
    assert said == ["the tasks of v0 hold the labels that are here"]


def test_images_that_show_other_labels_than_those_last_taken_are_left_alone(sent):
    edit_in_app(sent)
    sent.draw(sent.tasks[0], [sent.box(0, 31)])
    sent.take()
    before = drawn(sent)
    command.repush(sent.now, "v0", lambda _: None, agreed=True, from_app=True)
    assert drawn(sent) == before
    with writing(sent) as loop:
        loop.set_values("cvat_revision", dict.fromkeys(loop.known_ids(), "another"))
    with pytest.raises(MissingStateError, match="labelloop rebuild"):
        command.repush(sent.now, "v0", lambda _: None, agreed=True, from_app=True)
