"""The loop with people at the FiftyOne App in place of CVAT: real files, a real database; only YOLO is a fake.

One story, told in order: each test goes on where the one before ended.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from labelloop.adapters import sandbox_server
from labelloop.adapters.app_server import app_url
from labelloop.cli.annotators import annotate
from labelloop.cli.state import look
from labelloop.core.errors import LabelError
from labelloop.core.vocabulary import HOLDOUT, Source, Split
from labelloop.resources import app
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.labelled import labelled
from labelloop.resources.rebuild import rebuild
from labelloop.resources.reset import archive, keep_drawings
from labelloop.sensors import cvat_tasks_completed, next_iteration
from labelloop_tests.app_world import draw, drawn, opened, sample_of, set_status, tag, untag
from labelloop_tests.test_sensors import Daemon
from labelloop_tests.worlds import World, make_world, metadata_of

pytestmark = pytest.mark.slow
ONE_BOX = ("zero", (0.1, 0.2, 0.3, 0.4))


def nothing(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def asked(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """v0 and the hold-out wait in the App; the tests take turns in it, from the first image to the next iteration."""
    world = make_world(
        tmp_path_factory.mktemp("app") / "project",
        annotation={"backend": "fiftyone"},
        image_classes=["day", "night"],
        checks={"max_bad_box_share": 1.0},
    )
    world.turn([("prepare_pool", None)])
    daemon = Daemon(world)
    assert daemon.act(next_iteration) == [("next_batch", "v0", True), ("send_holdout", None, True)]
    yield daemon
    world.close()


def batch_of(world: World, name: str = "v0") -> list[str]:
    return list(world.now.ledger.manifest(name)["sample_id"])


def test_a_batch_waits_in_a_saved_view_with_the_classes_on_offer(asked: Daemon) -> None:
    world, loop = asked.world, opened(asked.world)
    classes = list(world.now.ledger.schema().classes)
    ids = batch_of(world)
    assert sorted(loop.dataset.load_saved_view("batch_v0").values("sample_id")) == sorted(ids)
    assert loop.dataset.active_label_schemas == ["human_labels", "human_tags", "annotation_status"]
    assert loop.dataset.label_schemas["human_labels"]["classes"] == classes
    assert loop.dataset.label_schemas["human_tags"]["classes"] == ["day", "night"]
    assert set(loop.view_of(ids).values("annotation_status")) == {"selected"}
    assert len(loop.dataset.load_saved_view("to_annotate")) == len(ids) + len(batch_of(world, HOLDOUT))
    assert sandbox_server.owned(world.now.home).port() is None


def test_no_golden_image_is_hidden_where_its_labels_can_be_seen(asked: Daemon) -> None:
    world = asked.world
    assert world.now.settings.batch.golden_per_batch == 1
    assert Source.GOLDEN not in set(world.now.ledger.manifest("v0")["source"])
    page = metadata_of(world.run("next_batch", "v0"), "batch")
    assert page["golden images"].startswith("none hidden")
    assert "batch-v0" in page["to label in the App"]


def test_the_tick_tells_how_many_images_are_done_and_where_they_are(asked: Daemon) -> None:
    loop, ids = opened(asked.world), batch_of(asked.world)
    view = app_url(asked.world.now.home, asked.world.now.settings.name, view="batch_v0")
    assert asked.tick(cvat_tasks_completed).startswith(f"v0: 0 of 6 images, {view}")
    draw(loop, ids[0], ONE_BOX)
    set_status(loop, ids[:2], "annotated")
    untag(loop, ids[2:3])
    told = asked.tick(cvat_tasks_completed)
    assert told.startswith("v0: 3 of 6 images, ")
    assert "; waiting for the hold-out: " in told
    result = asked.world.run("take_batch", "v0")
    assert not result.success
    assert not asked.world.now.ledger.has_labels("v0")


def test_running_next_batch_again_asks_for_nothing_a_second_time(asked: Daemon) -> None:
    asked.world.turn([("next_batch", "v0"), ("send_holdout", None)])
    assert asked.tick(cvat_tasks_completed).startswith("v0: 3 of 6 images, ")


def test_status_counts_images(asked: Daemon) -> None:
    status = look(asked.world.now, asked.world.instance)
    (task,) = [task for task in status.tasks if task["batch"] == "v0"]
    assert (task["jobs_completed"], task["jobs_total"], task["unit"]) == (3, 6, "images")
    assert status.cvat == ""


def test_a_tick_imports_no_fiftyone(asked: Daemon) -> None:
    code = (
        "import sys, dagster as dg\n"
        "from labelloop.resources.cvat import CvatResource\n"
        "from labelloop.resources.project import ProjectResource\n"
        "from labelloop.sensors import cvat_tasks_completed\n"
        "context = dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral())\n"
        "result = cvat_tasks_completed(context, project=ProjectResource(), cvat=CvatResource())\n"
        "print(result.skip_reason.skip_message)\n"
        "assert not {'torch', 'fiftyone', 'ultralytics', 'cvat_sdk'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=asked.world.folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("v0: 3 of 6 images, ")


def test_a_rebuild_keeps_what_was_drawn_and_not_taken(asked: Daemon) -> None:
    world, ids = asked.world, batch_of(asked.world)
    draw(opened(world), ids[4], ONE_BOX, ("one", (0.123456789, 0.0, 1 / 3, 0.1)), tags=["night"])
    before = app.content(world.now, "v0")
    rebuild(world.now, DatasetResource(), nothing)
    assert app.content(world.now, "v0") != before  # the ids are others
    assert [each.revision for each in app.content(world.now, "v0")] == [each.revision for each in before]
    assert asked.tick(cvat_tasks_completed).startswith("v0: 3 of 6 images, ")
    assert list((world.now.home.root / "drawings").iterdir()) == []
    assert drawn(opened(world), ids[4])[1] == ("one", (0.123456789, 0.0, 1 / 3, 0.1))
    assert opened(world).dataset.active_label_schemas[0] == "human_labels"


def test_a_rebuild_that_was_broken_off_is_mended_by_the_next_one(asked: Daemon, monkeypatch) -> None:
    world, ids = asked.world, batch_of(asked.world)
    with monkeypatch.context() as patch:
        patch.setattr(app, "restore", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rebuild(world.now, DatasetResource(), nothing)
    assert drawn(opened(world), ids[4]) == []
    rebuild(world.now, DatasetResource(), nothing)
    assert len(drawn(opened(world), ids[4])) == 2
    assert asked.tick(cvat_tasks_completed).startswith("v0: 3 of 6 images, ")


def test_an_emptied_database_turns_the_tick_red_and_never_counts_as_done(asked: Daemon) -> None:
    world = asked.world
    loop = opened(world)
    untouched = loop.view_of(batch_of(world)[5:])
    untouched.untag_samples("batch:v0")
    with pytest.raises(LabelError, match=r"1 of the 6 images of v0 are not in FiftyOne .*labelloop rebuild"):
        asked.tick(cvat_tasks_completed)
    with world.now.alone("dataset", nothing):
        assert "is being written" in asked.tick(cvat_tasks_completed)
    untouched = loop.view_of(batch_of(world)[5:])
    untouched.tag_samples("batch:v0")


def test_the_loop_goes_on_when_every_image_is_done(asked: Daemon) -> None:
    world = asked.world
    assert annotate(world.now, nothing) == 2
    loop, ids = opened(world), batch_of(world)
    draw(loop, ids[0])  # found empty
    assert asked.act(cvat_tasks_completed) == [("take_holdout", None, True)]
    assert asked.act(cvat_tasks_completed) == [("label_loop", "v0", True)]
    assert asked.tick(cvat_tasks_completed) == "v0 is finished"
    assert sandbox_server.owned(world.now.home).port() is None
    known = labelled(world.now, ["v0"])
    truth = world.now.ledger.source_labels()
    drawn_ones = [sample_id for sample_id in ids if sample_id not in ids[:3]]  # the first three were done before
    expected = truth[truth["sample_id"].isin(drawn_ones)]
    found = known.boxes[known.boxes["sample_id"].isin(drawn_ones)]
    assert sorted(zip(found["sample_id"], found["label"], found["x1"].round(6), strict=True)) == sorted(
        zip(expected["sample_id"], expected["label"], expected["x1"].round(6), strict=True)
    )
    assert set(known.boxes["source"]) == {"fiftyone"}
    assert ids[0] in known.reviewed
    assert set(loop.view_of(ids).values("annotation_status")) == {"annotated"}
    assert not loop.view_of(ids).match_tags("to_annotate")
    assert sample_of(loop, ids[0])["human_labels"].detections == []


def test_classes_of_whole_images_come_back(asked: Daemon) -> None:
    version = asked.world.now.ledger.label_version("v0")
    assert list(zip(version.tags["sample_id"], version.tags["label"], strict=True)) == [
        (batch_of(asked.world)[4], "night")
    ]
    assert version.quarantined.empty


def test_the_same_boxes_again_are_no_news_and_others_are_taken(asked: Daemon) -> None:
    world, loop = asked.world, opened(asked.world)
    assert asked.act(next_iteration) == [("next_batch", "v1", True)]
    ids, revision = batch_of(world), world.now.ledger.revision("v0")
    tag(loop, ids[3:5])
    assert "v0 was reopened: 4 of 6 images" in asked.tick(cvat_tasks_completed)
    draw(loop, ids[3], *drawn(loop, ids[3])[::-1])
    untag(loop, ids[3:5])
    assert asked.tick(cvat_tasks_completed).startswith("v1: 0 of 6 images")
    set_status(loop, ids[3:4], "selected")
    assert "v0 was reopened: 5 of 6 images" in asked.tick(cvat_tasks_completed)
    draw(loop, ids[3], ONE_BOX)
    set_status(loop, ids[3:4], "annotated")
    assert asked.act(cvat_tasks_completed) == [("take_batch", "v0", True)]
    assert asked.tick(cvat_tasks_completed).startswith("v1: 0 of 6 images")
    assert world.now.ledger.revision("v0") != revision
    boxes = world.now.ledger.label_version("v0").boxes
    (box,) = boxes[boxes["sample_id"] == ids[3]][["x1", "y1", "x2", "y2"]].to_numpy().round(6).tolist()
    assert box == pytest.approx([9.6, 19.2, 38.4, 57.6])


def test_boxes_that_cannot_be_used_are_set_aside_as_always(asked: Daemon) -> None:
    world, loop, ids = asked.world, opened(asked.world), batch_of(asked.world)
    tag(loop, ids[3:4])
    draw(loop, ids[3], ONE_BOX, ONE_BOX, ("zero", (0.1, 0.1, 0.0, 0.2)))
    untag(loop, ids[3:4])
    asked.act(cvat_tasks_completed)
    version = world.now.ledger.label_version("v0")
    assert sorted(version.quarantined["reason"]) == ["box without area", "same box drawn twice"]
    assert len(drawn(loop, ids[3])) == 3
    assert asked.tick(cvat_tasks_completed).startswith("v1: 0 of 6 images")


def test_a_rebuild_of_what_was_taken_is_no_news(asked: Daemon) -> None:
    world = asked.world
    opened(world).dataset.delete()
    rebuild(world.now, DatasetResource(), nothing)
    assert len(drawn(opened(world), batch_of(world)[3])) == 3
    assert asked.tick(cvat_tasks_completed).startswith("v1: 0 of 6 images")
    assert opened(world).dataset.list_evaluations() == ["eval_v0"]


def test_a_pool_prepared_again_on_an_emptied_database_is_not_taken_for_empty_labels(asked: Daemon) -> None:
    world, revision = asked.world, asked.world.now.ledger.revision("v0")
    opened(world).dataset.delete()
    world.turn([("prepare_pool", None)])
    with pytest.raises(LabelError, match="labelloop rebuild"):
        asked.tick(cvat_tasks_completed)
    rebuild(world.now, DatasetResource(), nothing)
    assert asked.tick(cvat_tasks_completed).startswith("v1: 0 of 6 images")
    assert world.now.ledger.revision("v0") == revision


def test_what_was_drawn_on_an_iteration_is_archived_with_it(asked: Daemon) -> None:
    world = asked.world
    draw(opened(world), batch_of(world, "v1")[0], ONE_BOX)
    keep_drawings(world.now, ["v1"])
    folder = archive(world.now, "v1")
    kept = json.loads((folder / "drawings" / "v1.json").read_text())
    assert [frame["shapes"][0]["label"] for frame in kept["contents"][0]["frames"] if frame["shapes"]] == ["zero"]
    assert app.batches(world.now) == [HOLDOUT, "v0"]


def test_a_batch_chosen_for_cvat_with_hidden_golden_images_is_refused(asked: Daemon) -> None:
    ledger = asked.world.now.ledger
    golden = ledger.in_split(Split.GOLDEN)[0]
    manifest = pd.DataFrame([{"sample_id": golden, "source": Source.GOLDEN}])
    with pytest.raises(LabelError, match=r"1 golden images are hidden in v7.*labelloop reset --from v7"):
        app.send(asked.world.now, "v7", manifest, nothing)
    assert Path(ledger.root / "tasks" / "v7.json").exists() is False
