"""Finished tasks that people made without labelloop: matched by content, never sent again, trained on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelloop.adapters.cvat.jobs import complete_job, jobs_of_task, put_job_annotations, rectangle
from labelloop.adapters.cvat.names import upload_names
from labelloop.adapters.cvat.projects import find_or_create_project
from labelloop.adapters.cvat.push import push_task, retire_task
from labelloop.adapters.images import sample_id
from labelloop.core.annotation import TaskSpec, UploadImage
from labelloop.core.vocabulary import Split
from labelloop.resources.labelled import labelled
from labelloop_tests.worlds import World

pytestmark = pytest.mark.slow

CLASSES = ("zero", "one", "two", "three", "four")


def finished_task(world: World, paths: list[Path], subset: str = "", again: Sequence[Path] = ()) -> int:
    """A task of a project of people, every image with one box of class `one`, all jobs accepted.

    The images of `again` are in it a second time, under another name, after all others.
    """
    server = world.cvat.server(world.now)
    project = find_or_create_project(server, "Existing", CLASSES)
    ids = {sample_id(path.read_bytes()): path for path in paths}
    names = upload_names([(key, path.name) for key, path in ids.items()])
    twice = [(sample_id(path.read_bytes()), path) for path in again]
    images = (
        *(UploadImage(key, path, names[key]) for key, path in ids.items()),
        *(UploadImage(key, path, f"again.{names[key]}") for key, path in twice),
    )
    task = push_task(server, project, TaskSpec(f"people/{min(ids)}", "work of people", subset, images, 0, 95))
    retire_task(server, task.task_id, "work of people")
    (job,) = jobs_of_task(server, task.task_id)
    boxes = [rectangle(project.label_ids["one"], frame, (5.0, 6.0, 40.0, 50.0)) for frame in range(len(images))]
    put_job_annotations(server, job.job_id, boxes)
    complete_job(server, job.job_id)
    return task.task_id


@pytest.fixture
def pulled(world, tmp_path) -> World:
    one = world(annotation={"pull_project": "Existing"})
    known = sorted((tmp_path / "scenes" / "images").glob("*.jpg"))[:3]
    fresh = [tmp_path / f"Ünïcode & {number}.png" for number in range(2)]
    for number, path in enumerate(fresh):
        # Always the same ones: what an image contains decides about its split.
        noise = np.random.default_rng(40 + number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
    finished_task(one, [*known, *fresh])
    one.turn([("prepare_pool", None)])
    return one


def test_images_are_matched_by_content_and_new_ones_come_in(pulled: World) -> None:
    ledger = pulled.now.ledger
    assert len(ledger.label_version("source").reviewed) == 5
    scenes = {sample_id(path.read_bytes()) for path in (pulled.folder / "scenes" / "images").iterdir()}
    samples = set(ledger.samples()["sample_id"])
    assert scenes <= samples
    assert len(samples - scenes) == 2


def test_what_people_labelled_is_not_selected_again_and_counts(pulled: World) -> None:
    pulled.turn([("next_batch", "v0")])
    done = set(pulled.now.ledger.label_version("source").reviewed)
    assert not done & pulled.now.ledger.selected() - set(pulled.now.ledger.in_split(Split.GOLDEN))
    known = labelled(pulled.now, [])
    assert set(known.reviewed) == done - set(pulled.now.ledger.in_split(Split.TEST))
    assert known.by_people == 5


def test_a_second_pull_of_unchanged_tasks_writes_nothing(pulled: World) -> None:
    root = pulled.now.home.root
    files = [*sorted((root / "labels").rglob("*.json")), *sorted((root / "media").iterdir())]
    before = {path: path.stat().st_mtime_ns for path in files}
    pulled.turn([("prepare_pool", None)])
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list((root / "labels").rglob("*.json"))) + len(list((root / "media").iterdir())) == len(before)


def test_an_image_in_two_tasks_keeps_what_people_said_last(pulled: World) -> None:
    image = sorted((pulled.folder / "scenes" / "images").glob("*.jpg"))[0]
    finished_task(pulled, [image, sorted((pulled.folder / "scenes" / "images").glob("*.jpg"))[9]])
    pulled.turn([("prepare_pool", None)])
    version = pulled.now.ledger.label_version("source")
    assert len(version.reviewed) == 6
    assert (version.boxes["sample_id"].value_counts() == 1).all()


def test_tasks_of_the_loop_itself_are_left_alone(pulled: World) -> None:
    pulled.configure(annotation={"pull_project": pulled.now.settings.project_name})
    pulled.turn([("next_batch", "v0")])
    pulled.annotate()
    pulled.turn([("prepare_pool", None)])
    assert pulled.now.ledger.label_version("source").reviewed == ()
