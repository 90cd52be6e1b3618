"""Whatever shows labels of CVAT over what people changed in the App keeps that first, and its page names it."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelloop.adapters.cvat.jobs import complete_job, jobs_of_task, rectangle, reopen_job
from labelloop.adapters.cvat.projects import find_project
from labelloop.adapters.images import sample_id as image_id
from labelloop.core.vocabulary import HOLDOUT, SOURCE, TEST, Field, Split
from labelloop.resources import restored
from labelloop.resources.backups import backups
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.rebuild import rebuild
from labelloop_tests.annotating import finish, without_the_last
from labelloop_tests.assets.test_projection import PULL, History
from labelloop_tests.assets.test_pull import finished_task
from labelloop_tests.assets.test_pull_edits import KEPT, move
from labelloop_tests.assets.test_pull_modes import data_set
from labelloop_tests.projection import differences, rebuilt, shown
from labelloop_tests.worlds import World, failure_of, metadata_of

pytestmark = pytest.mark.slow

SIDE = 96  # of a scene, pixels


@pytest.fixture
def own(turned: World, tmp_path: Path) -> Iterator[World]:
    """A copy of the turned loop that may be changed, with a data set of its own."""
    world = turned.copy(tmp_path / "own")
    world.configure(name=f"kept-{uuid.uuid4().hex[:8]}")
    rebuild(world.now, DatasetResource(), lambda _: None)
    yield world
    world.close()


def edit(world: World, sample_id: str) -> None:
    """What a person does in the App on the first box of an image."""
    sample = data_set(world).match({str(Field.SAMPLE_ID): sample_id}).first()
    move(sample[str(Field.HUMAN_LABELS)].detections[0])
    sample.save()


def with_boxes(world: World, batch: str) -> str:
    """An image of a batch that has boxes, and is no held-out one that is hidden there."""
    held_out = set(world.now.ledger.in_split(Split.GOLDEN)) if batch != HOLDOUT else set()
    return min(set(world.now.ledger.label_version(batch).boxes["sample_id"]) - held_out)


def page(world: World, job: str, asset: str, iteration: str | None = None) -> dict[str, Any]:
    result = world.run(job, iteration)
    assert result.success, failure_of(result)
    return metadata_of(result, asset)


def named(world: World, *batches: str) -> str:
    return ", ".join(each.name for batch in batches for each in backups(world.now, batch))


def moved(world: World, batch: str) -> list[str]:
    """Images on which the one backup of a batch has the box that was moved."""
    [kept] = backups(world.now, batch)
    samples = world.now.ledger.contents(batch)[1]
    pixels = pytest.approx([share * SIDE for share in (0.25, 0.2, 0.75, 0.7)])
    names = [frame.name for frame in kept.content.frames if any(each["points"] == pixels for each in frame.shapes)]
    return [samples.get(name) or samples[f"{kept.content.task_id}/{name}"] for name in names]


def test_the_pages_of_batch_holdout_and_relabelled_images_name_the_edits_that_were_kept(own: World) -> None:
    for job, asset, batch, key in (
        ("take_batch", "annotated_batch", "v0", "v0"),
        ("take_holdout", "annotated_holdout", HOLDOUT, None),
    ):
        edit(own, with_boxes(own, batch))
        assert page(own, job, asset, key)[KEPT] == named(own, batch) != ""
        assert KEPT not in page(own, job, asset, key)
    own.configure(classes=[*own.now.ledger.schema().classes, "nine"], relabel_for=["nine"])
    own.turn([("send_relabel", None)])
    own.annotate()
    ledger = own.now.ledger
    again = {sample_id for name in ledger.relabels() for sample_id in ledger.manifest(name)["sample_id"]}
    edit(own, min(again & set(own.now.ledger.label_version("v0").boxes["sample_id"])))
    assert page(own, "take_relabel", "annotated_relabel")[KEPT] in named(own, "v0")
    assert KEPT not in page(own, "take_relabel", "annotated_relabel")


def pulled_test_images(own: World) -> tuple[History, list[str]]:
    """Two images of test in a task of people, on the second of them something that is no box, and two of the pool."""
    own.configure(annotation=PULL)
    history = History(own, own.folder)
    paths = [*history.images(Split.TEST, 2), *history.images(Split.POOL, 2)]
    history.task = finished_task(own, paths)
    server, one = history.server, find_project(history.server, "Existing").label_ids["one"]
    [job] = jobs_of_task(server, history.task)
    reopen_job(server, job.job_id)
    shapes = [rectangle(one, frame, (5.0, 6.0, 40.0, 50.0)) for frame in range(4)]
    shapes.append({**shapes[1], "type": "polygon", "points": [5.0, 5.0, 40.0, 5.0, 40.0, 40.0]})
    drawn = {"version": 0, "shapes": shapes, "tags": [], "tracks": []}
    server.write("PUT", f"/api/jobs/{job.job_id}/annotations/", "drawing", drawn)
    complete_job(server, job.job_id)
    own.turn([("prepare_pool", None)])
    return history, [image_id(path.read_bytes()) for path in paths[:2]]


def test_the_report_keeps_what_was_changed_on_images_of_test_and_nothing_else_counts_as_changed(own: World) -> None:
    history, (whole, partly) = pulled_test_images(own)
    history.report_on_test()
    known = own.now.ledger.label_version(TEST)
    assert (whole in known.reviewed, partly in known.reviewed) == (False, True)
    history.take_out(history.task, [3])
    assert KEPT not in page(own, "prepare_pool", "cvat_pull")
    edit(own, whole)
    edit(own, partly)
    assert page(own, "final_evaluation", "final_report")[KEPT] == named(own, SOURCE, TEST)
    assert (moved(own, SOURCE), moved(own, TEST)) == ([whole], [partly])
    assert differences(shown(own), rebuilt(own)) == []
    assert KEPT not in page(own, "final_evaluation", "final_report")


def test_edits_on_labels_of_test_are_kept_before_others_are_taken_and_nothing_says_that_it_is_restored(
    own: World,
) -> None:
    History(own, own.folder).report_on_test()
    chosen = with_boxes(own, TEST)
    edit(own, chosen)
    task = own.now.ledger.read("tasks", TEST)["tasks"][0]["task_id"]
    restored.note(own.now, TEST, task, "from-app-1-2")
    finish(own, TEST, without_the_last)
    assert page(own, "final_evaluation", "final_report")[KEPT] == named(own, TEST)
    assert moved(own, TEST) == [chosen]
    assert restored.told(own.now, TEST, [task]) == ""
    for job in jobs_of_task(own.cvat.server(own.now), task):
        reopen_job(own.cvat.server(own.now), job.job_id)
    edit(own, chosen)
    assert page(own, "final_evaluation", "final_report")[KEPT] in named(own, TEST), "nothing is taken now"
