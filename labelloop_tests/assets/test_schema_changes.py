"""A class comes, a class is renamed, while the loop turns: nothing that nobody looked for is taken for background."""

import dagster as dg
import pytest

from labelloop.adapters import mongod
from labelloop.adapters.cvat.projects import find_project
from labelloop.adapters.cvat.pull import content
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.cli import changes
from labelloop.core.summary import footnote
from labelloop.core.vocabulary import HELD_OUT, Split
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.history import turns
from labelloop.resources.labelled import labelled
from labelloop.resources.lesson import lesson, measure
from labelloop.resources.project import Project
from labelloop.resources.rebuild import rebuild
from labelloop.sensors import cvat_tasks_completed, next_iteration
from labelloop_tests.test_sensors import Daemon
from labelloop_tests.worlds import World, failure_of, metadata_of

OLD, NEW = ["zero", "one", "two"], ["zero", "one", "two", "three"]


def nothing(_: str) -> None:
    """Nobody listens."""


@pytest.fixture
def grown(world) -> World:
    """v0 was turned with three classes, a fourth was appended, v1 was sent and annotated with it."""
    one = world(classes=OLD)
    one.turn_v0()
    one.configure(classes=NEW)
    one.turn([("next_batch", "v1")])
    one.annotate()
    return one


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    found = result.get_asset_check_evaluations()
    return {check.check_name: (check.passed, str(check.description)) for check in found}


@pytest.mark.slow
def test_an_appended_class_waits_until_people_have_looked_for_it(grown: World) -> None:
    now = grown.now
    assert now.ledger.schema().classes == tuple(NEW)  # next_batch took it over
    project = find_project(grown.cvat.server(now), now.settings.project_name)
    assert list(project.label_ids) == NEW
    result = grown.run("label_loop", "v1")
    assert result.success, failure_of(result)
    trained, measured = metadata_of(result, "trained_model"), metadata_of(result, "eval_report")
    assert (trained["classes that wait"], trained["images left out"]) == ("three", 0)
    assert (measured["classes measured"], measured["not looked for on val"]) == ("zero, one, two", "three")
    told = checks_of(result)
    assert told["images_were_looked_at_for_every_class"][0] is False
    assert "labelloop relabel" in told["images_were_looked_at_for_every_class"][1]
    assert told["val_was_looked_at_for_every_class"][0] is False
    learns = lesson(now, "v1")
    assert "three" in set(labelled(now, ["v1"]).boxes["label"])
    assert "three" not in set(learns.data.boxes["label"])
    assert len(learns.data.reviewed) == 12
    assert set(learns.unseen) == set(now.ledger.manifest("v0")["sample_id"]) - set(now.ledger.in_split(*HELD_OUT))

    # Images first: val alone is gone through, and counts; then the rest, and the class is learnt.
    changes.relabel(now, ["three"], "val", nothing)
    assert now.ledger.relabels() == ["relabel-1"]
    _prefilled(grown, "relabel-1")
    sent = now.ledger.read("tasks", "relabel-1")
    grown.turn([("send_relabel", None)])
    assert now.ledger.relabels() == ["relabel-1", "relabel-2"]
    assert now.ledger.read("tasks", "relabel-1") == sent
    grown.turn([("send_relabel", None)])
    assert now.ledger.relabels() == ["relabel-1", "relabel-2"]
    count = len(grown.cvat.server(now).list_all("/api/tasks", "counting"))
    assert count == sum(
        len(now.ledger.read("tasks", name)["tasks"]) for name in ["holdout", "v0", "v1", *now.ledger.relabels()]
    )
    grown.annotate()
    taken = metadata_of(grown.run("take_relabel"), "annotated_relabel")
    assert taken["share of earlier shapes left as they were"] == 1.0
    by_class = {row.data["label"]: row.data for row in taken["earlier shapes by class"].records}
    assert [by_class[name]["added"] for name in OLD] == [0, 0, 0]
    assert by_class["three"]["added"] > 0
    val = measure(now)
    truth = now.ledger.source_labels()
    assert val.classes == tuple(NEW)
    true = truth[truth["sample_id"].isin(now.ledger.in_split(Split.VAL)) & truth["label"].isin(NEW)]
    assert sorted(val.data.boxes["label"]) == sorted(true["label"])
    assert lesson(now, "v1").classes == tuple(NEW)
    assert not lesson(now, "v1").unseen
    assert "do not compare" not in _footnote(now)
    grown.turn([("score_again", "v1")])
    assert turns(now)[0].yardstick != turns(now)[1].yardstick
    assert "2 classes" not in _footnote(now)
    assert "3 classes" in _footnote(now)
    grown.turn([("score_again", "v0")])
    assert _footnote(now) == ""
    assert now.ledger.read("reports", "v0")["classes"] == NEW
    shown = _shown(now)
    assert shown == _drawn(now)
    rebuild(now, DatasetResource(), nothing)
    assert _shown(now) == shown


def _shown(now: Project) -> dict[str, list[str]]:
    """Classes on each image of val, as FiftyOne shows them."""
    dataset = LoopDataset.open(now.home, mongod.ensure(now.home), now.settings.name).dataset
    ids, found = dataset.load_saved_view("val_set").values(["sample_id", "human_labels.detections.label"])
    return {sample_id: sorted(names) for sample_id, names in zip(ids, found, strict=True)}


def _drawn(now: Project) -> dict[str, list[str]]:
    """The same, as the files say."""
    val = measure(now).data
    return {name: sorted(val.boxes.loc[val.boxes["sample_id"] == name, "label"]) for name in val.reviewed}


def _footnote(now: Project) -> str:
    return footnote(turns(now))


def _prefilled(world: World, name: str) -> None:
    """What is known is drawn in the tasks, and nobody has begun."""
    server, now = world.cvat.server(world.now), world.now
    drawn = [
        (task["frames"][frame.name], shape["label"])
        for task in now.ledger.read("tasks", name)["tasks"]
        for frame in content(server, task["task_id"]).frames
        for shape in frame.shapes
    ]
    known = labelled(now, ["v0", "v1"]).of(now.ledger.manifest(name)["sample_id"]).boxes
    assert drawn
    assert sorted(drawn) == sorted(zip(known["sample_id"], known["label"], strict=True))


@pytest.mark.slow
def test_with_relabel_for_the_sensors_send_take_and_measure_by_themselves(grown: World) -> None:
    grown.turn([("label_loop", "v1")])
    grown.configure(relabel_for=["three"])
    daemon = Daemon(grown)
    assert ("send_relabel", None, True) in daemon.act(next_iteration)
    assert not any(request.job_name == "send_relabel" for request in _requests(daemon.tick(next_iteration)))
    grown.annotate()
    assert ("take_relabel", None, True) in daemon.act(cvat_tasks_completed)
    again = {("score_again", "v0", True), ("score_again", "v1", True)}
    assert again <= set(daemon.act(cvat_tasks_completed))
    assert not {request.job_name for request in _requests(daemon.tick(cvat_tasks_completed))} & {"score_again"}
    assert {tuple(grown.now.ledger.read("reports", name)["classes"]) for name in ("v0", "v1")} == {tuple(NEW)}


def _requests(ticked: list[dg.RunRequest] | str) -> list[dg.RunRequest]:
    return ticked if isinstance(ticked, list) else []


@pytest.mark.slow
def test_taking_old_labels_again_does_not_say_that_anybody_looked_for_the_new_class(grown: World) -> None:
    grown.turn([("take_batch", "v0"), ("take_holdout", None)])
    now = grown.now
    assert set(now.ledger.label_version("v0").looked_for.values()) == {1}
    assert set(now.ledger.label_version("holdout").looked_for.values()) == {1}
    assert measure(now).waiting == ("three",)


@pytest.mark.slow
def test_leave_out_learns_the_new_class_at_once_without_the_older_images(grown: World) -> None:
    grown.configure(train={"older_labels": "leave_out"})
    result = grown.run("label_loop", "v1")
    trained = metadata_of(result, "trained_model")
    assert (trained["classes that wait"], trained["images left out"], trained["images"]) == ("none", 6, 6)


@pytest.mark.slow
def test_a_renamed_class_keeps_its_id_its_labels_and_its_label_in_cvat(grown: World) -> None:
    grown.turn([("label_loop", "v1")])
    now = grown.now
    before = labelled(now, ["v0", "v1"])
    models = {it: now.ledger.read("models", it)["model"] for it in ("v0", "v1")}
    ids = find_project(grown.cvat.server(now), now.settings.project_name).label_ids
    grown.configure(classes=["zero", "uno", "two", "three"], rename={"one": "uno"})
    grown.turn([("next_batch", "v2"), ("take_batch", "v0"), ("score_again", "v1")])
    assert now.ledger.schema().class_id("uno") == 1
    renamed = find_project(grown.cvat.server(now), now.settings.project_name).label_ids
    assert renamed == {("uno" if name == "one" else name): number for name, number in ids.items()}
    after = labelled(now, ["v0", "v1"])
    assert after.reviewed == before.reviewed
    assert sorted(after.boxes["label"]) == sorted(before.boxes["label"].replace("one", "uno"))
    assert "uno" in set(now.ledger.predictions("v1")["label"])
    dataset = LoopDataset.open(now.home, mongod.ensure(now.home), now.settings.name).dataset
    shown = {label for labels in dataset.values("human_labels.detections.label") for label in labels or []}
    assert shown == {"zero", "uno", "two", "three"}
    grown.turn([("label_loop", "v1")])
    assert {it: now.ledger.read("models", it)["model"] for it in ("v0", "v1")} == models
    grown.annotate()
    grown.turn([("label_loop", "v2")])


REFUSED = [
    ({"classes": ["zero", "two", "three"]}, "'one' (id 1) is missing"),
    ({"classes": ["one", "zero", "two", "three"]}, "'zero' moved from id 0 to id 1"),
    ({"classes": NEW, "rename": {"one": "two"}}, "Two classes cannot become one by renaming: two"),
    ({"rename": {"nine": "neun"}}, "`rename` speaks of classes that there are not: nine"),
]


@pytest.mark.slow
def test_what_cannot_be_done_to_classes_is_refused_by_whatever_runs_next(world) -> None:
    one = world(classes=NEW)
    one.turn([("prepare_pool", None)])
    for changed, told in REFUSED:
        one.configure(**changed)
        assert told in failure_of(one.run("send_holdout"))
        assert one.now.ledger.schema().classes == tuple(NEW)
        assert one.now.ledger.read_or_none("tasks", "holdout") is None
