"""How often people's own tasks are read, what a pull without news costs, and what a broken one leaves."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pymongo
import pytest
from PIL import Image

from labelloop.adapters import mongod
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import complete_job, delete_frames, jobs_of_task, put_job_annotations, reopen_job
from labelloop.adapters.cvat.projects import ProjectRef, find_project
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.errors import CvatError
from labelloop.core.task_table import SHORT
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.rebuild import rebuild
from labelloop.resources.source_pull import news_of, offered
from labelloop.sensors.looking import Seen
from labelloop_tests.assets.test_pull import CLASSES, finished_task
from labelloop_tests.worlds import World, failure_of, metadata_of


def picture(path: Path, seed: int) -> Path:
    noise = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def pull(world: World, **annotation) -> dict:
    """Run cvat_pull alone; what its page shows."""
    world.configure(annotation={"pull_project": "Existing"} | annotation)
    result = world.run_asset("cvat_pull", "")
    assert result.success, failure_of(result)
    return metadata_of(result, "cvat_pull")


def refused(world: World, **annotation) -> str:
    world.configure(annotation={"pull_project": "Existing"} | annotation)
    result = world.run_asset("cvat_pull", "")
    assert not result.success
    return failure_of(result)


def server_of(world: World) -> CvatServer:
    return world.cvat.server(world.now)


def boxes_of(world: World) -> dict[str, int]:
    """Number of boxes by task."""
    boxes = world.now.ledger.label_version("source").boxes
    return boxes["task_id"].value_counts().to_dict()


def news(world: World) -> dict[str, str]:
    """What a sensor that remembers nothing finds new."""
    return news_of(world.now, server_of(world), _project(world), Seen().read)[0]


def data_set(world: World):
    home = world.now.home
    return LoopDataset.open(home, mongod.ensure(home), world.now.settings.name).dataset


def empty(world: World, task: int) -> None:
    """Somebody takes a finished task up again, deletes all boxes, and finishes it."""
    server = server_of(world)
    for job in jobs_of_task(server, task):
        reopen_job(server, job.job_id)
        put_job_annotations(server, job.job_id, [])
        complete_job(server, job.job_id)


@pytest.fixture
def two(world, tmp_path: Path) -> tuple[World, int, int]:
    """Two finished tasks of people, in subsets, pulled."""
    one: World = world(source={"type": "none"}, classes=list(CLASSES))
    first = finished_task(one, [picture(tmp_path / f"Reef_2019_q{i}.png", i) for i in range(3)], "Train")
    second = finished_task(one, [picture(tmp_path / f"Bay_2020_q{i}.png", i + 9) for i in range(2)], "Validation")
    pull(one)
    return one, first, second


@contextmanager
def counting_writes(world: World) -> Iterator[Callable[[], tuple[list[str], int]]]:
    """What is written meanwhile: files of the home by name, and write operations on FiftyOne's database."""
    root = world.now.home.root
    database = pymongo.MongoClient(os.environ["FIFTYONE_DATABASE_URI"])[os.environ["FIFTYONE_DATABASE_NAME"]]

    def files() -> dict[str, tuple[int, int]]:
        others = root / "sandbox", root / "locks"  # the server's own, and who is at work
        files = (path for path in root.rglob("*") if path.is_file())
        paths = [path for path in files if not any(path.is_relative_to(other) for other in others)]
        return {path.relative_to(root).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}

    def written() -> tuple[list[str], int]:
        query = {"op": {"$in": ["insert", "update", "remove"]}, "ns": {"$ne": f"{database.name}.system.profile"}}
        changed = sorted({name for name, _ in set(files().items()) ^ set(before.items())})
        return changed, database["system.profile"].count_documents(query)

    before = files()
    database.command("profile", 2)
    try:
        yield written
    finally:
        database.command("profile", 0)
        database.drop_collection("system.profile")


@pytest.mark.slow
def test_a_pull_of_unchanged_tasks_is_four_requests_and_no_write(two) -> None:
    world, *_ = two
    asked = server_of(world).requests
    with counting_writes(world) as written:
        shown = pull(world)
        assert server_of(world).requests - asked == 4
        assert written() == ([], 0)
        assert (shown["tasks read"], shown["images"]) == (0, 5)
        data_set(world).save()
        assert written()[1] > 0  # the counter counts


@pytest.mark.slow
def test_a_changed_task_is_read_alone_and_a_touched_one_changes_no_label(two) -> None:
    world, first, second = two
    empty(world, second)
    assert pull(world)["tasks read"] == 1
    assert boxes_of(world) == {first: 3}
    assert len(world.now.ledger.label_version("source").reviewed) == 5
    (job,) = jobs_of_task(server_of(world), first)
    reopen_job(server_of(world), job.job_id)
    complete_job(server_of(world), job.job_id)
    with counting_writes(world) as written:
        assert pull(world)["tasks read"] == 1
        assert written() == (["pulled/source.json", f"pulled/task-{first}.json"], 0)
        assert pull(world)["tasks read"] == 0


@pytest.mark.slow
def test_a_reopened_or_deleted_task_stays_as_it_was_taken(two) -> None:
    world, first, second = two
    (job,) = jobs_of_task(server_of(world), first)
    reopen_job(server_of(world), job.job_id)
    put_job_annotations(server_of(world), job.job_id, [])
    server_of(world).write("DELETE", f"/api/tasks/{second}", "deleting as people do")
    shown = pull(world)
    assert boxes_of(world) == {first: 3, second: 2}
    assert f"#{first}" in shown["tasks reopened or deleted, kept as they were"]
    assert f"#{second}" in shown["tasks reopened or deleted, kept as they were"]


@pytest.mark.slow
def test_skip_existing_reads_new_tasks_alone(two, tmp_path: Path) -> None:
    world, first, second = two
    empty(world, first)
    third = finished_task(world, [picture(tmp_path / "new.png", 77)])
    assert news(world).keys() == {str(first), str(third)}
    world.configure(annotation={"pull_project": "Existing", "pull_mode": "skip_existing"})
    assert news(world).keys() == {str(third)}
    assert pull(world, pull_mode="skip_existing")["tasks read"] == 1
    assert boxes_of(world) == {first: 3, second: 2, third: 1}
    assert pull(world)["tasks read"] == 1  # task_tracking catches up
    assert boxes_of(world) == {second: 2, third: 1}


@pytest.mark.slow
def test_skip_if_exist_asks_nothing_once_something_is_there(two) -> None:
    world, first, second = two
    empty(world, first)
    asked = server_of(world).requests
    with counting_writes(world) as written:
        assert "skip_if_exist" in pull(world, pull_mode="skip_if_exist")["status"]
        assert written() == ([], 0)
    assert news(world) == {}
    assert server_of(world).requests - asked <= 3  # those of this test
    assert boxes_of(world) == {first: 3, second: 2}
    (world.now.home.root / "pulled" / "source.json").unlink()  # written last: a pull that broke off has none
    assert "status" not in pull(world, pull_mode="skip_if_exist")


@pytest.mark.slow
def test_a_task_of_this_project_that_was_retired_is_no_work_of_people(two) -> None:
    world, first, second = two
    body = {"bug_tracker": f"labelloop-retired:{world.now.uuid}/0123"}
    server_of(world).write("PATCH", f"/api/tasks/{first}", "retiring a task", body)
    found = offered(world.now, server_of(world), _project(world).id)
    assert [task.task_id for task in found] == [second]


def _project(world: World) -> ProjectRef:
    return find_project(server_of(world), "Existing")


def backups(world: World) -> list[Path]:
    return sorted((world.now.home.root / "backups").glob("*/contents.json"))


@pytest.mark.slow
def test_force_refresh_reads_everything_after_a_backup_and_lets_go_what_is_gone(two) -> None:
    world, first, second = two
    revision = world.now.ledger.revision("source")
    server_of(world).write("DELETE", f"/api/tasks/{second}", "deleting as people do")
    image = next((world.now.home.root / "media").glob("*.png"))
    whole = image.read_bytes()
    image.write_bytes(b"rotten")
    assert pull(world, pull_mode="force_refresh")["tasks read"] == 1
    assert boxes_of(world) == {first: 3}
    assert image.read_bytes() == whole or not any(path == image for path in _media(world, first))
    (backup,) = backups(world)
    saved = backup.parent / "labels" / "source" / f"{revision}.json"
    assert saved.read_bytes() == world.now.ledger.label_file("source", revision).read_bytes()
    assert (backup.parent / "pulled" / f"task-{second}.json").is_file()
    assert not (world.now.home.root / "pulled" / f"task-{second}.json").exists()


@pytest.mark.slow
def test_what_a_refresh_let_go_is_back_when_the_folders_of_its_backup_are(two) -> None:
    """What README says to do with such a backup."""
    world, first, second = two
    server_of(world).write("DELETE", f"/api/tasks/{second}", "deleting as people do")
    pull(world, pull_mode="force_refresh")
    assert boxes_of(world) == {first: 3}
    (backup,) = backups(world)
    for folder in ("labels", "pulled", "tasks"):
        shutil.copytree(backup.parent / folder, world.now.home.root / folder, dirs_exist_ok=True)
    rebuild(world.now, DatasetResource(), lambda _: None)
    assert boxes_of(world) == {first: 3, second: 2}
    assert data_set(world).count("human_labels.detections") == 5
    assert pull(world, pull_mode="task_tracking")["tasks read"] == 0
    assert boxes_of(world) == {first: 3, second: 2}


def _media(world: World, task: int) -> list[Path]:
    samples = world.now.ledger.samples().set_index("sample_id")["path"]
    ids = world.now.ledger.label_version("source").reviewed
    return [world.now.home.locate(samples[sample_id]) for sample_id in ids]


@pytest.mark.slow
def test_a_refresh_that_fails_leaves_everything_as_it_was(two, monkeypatch) -> None:
    world, first, second = two
    empty(world, first)
    before = world.now.ledger.label_version("source").to_dict(), data_set(world).count("human_labels.detections")
    real = CvatServer.get

    def breaks(self: CvatServer, path: str, doing: str, **query):
        if path == f"/api/tasks/{second}/annotations/":
            raise CvatError("the server broke off")
        return real(self, path, doing, **query)

    monkeypatch.setattr(CvatServer, "get", breaks)
    assert "the server broke off" in refused(world, pull_mode="force_refresh")
    after = world.now.ledger.label_version("source").to_dict(), data_set(world).count("human_labels.detections")
    assert after == before
    assert len(backups(world)) == 1


@pytest.mark.slow
def test_a_refresh_never_leaves_an_empty_data_set(two) -> None:
    world, first, second = two
    for task in (first, second):
        server_of(world).write("DELETE", f"/api/tasks/{task}", "deleting as people do")
    assert "force_refresh would leave nothing" in refused(world, pull_mode="force_refresh")
    assert boxes_of(world) == {first: 3, second: 2}


@pytest.mark.slow
def test_subsets_are_chosen_under_any_of_their_names_and_a_wrong_one_is_told(two) -> None:
    world, first, second = two
    pull(world, allowed_subsets=["val"])
    assert boxes_of(world) == {second: 2}
    pull(world, allowed_subsets=["TRAINING", "valid"])
    assert boxes_of(world) == {first: 3, second: 2}
    said = refused(world, allowed_subsets=["Golden"])
    assert "No task of the project has the subset Golden; there are: Train, Validation" in said
    assert boxes_of(world) == {first: 3, second: 2}


@pytest.mark.slow
def test_unfinished_tasks_come_when_asked_for_and_only_images_with_something_on_them(two, tmp_path: Path) -> None:
    world, first, second = two
    third = finished_task(world, [picture(tmp_path / f"open{i}.png", i + 50) for i in range(2)])
    (job,) = jobs_of_task(server_of(world), third)
    shapes = server_of(world).get(f"/api/jobs/{job.job_id}/annotations/", "reading")["shapes"]
    reopen_job(server_of(world), job.job_id)
    put_job_annotations(
        server_of(world), job.job_id, [{key: shapes[0][key] for key in ("type", "frame", "label_id", "points")}]
    )
    pull(world)
    assert boxes_of(world) == {first: 3, second: 2}
    pull(world, pull_unfinished=True)
    assert boxes_of(world) == {first: 3, second: 2, third: 1}
    assert len(world.now.ledger.label_version("source").reviewed) == 6


@pytest.mark.slow
def test_a_ground_truth_job_neither_holds_a_task_back_nor_adds_to_it(two) -> None:
    world, first, _ = two
    body = {"type": "ground_truth", "task_id": first, "frame_selection_method": "manual", "frames": [1]}
    job = server_of(world).write("POST", "/api/jobs", "making a ground truth job", body)
    shape = server_of(world).get(f"/api/tasks/{first}/annotations/", "reading")["shapes"][0]
    drawn = {key: shape[key] for key in ("type", "label_id")} | {"frame": 1, "points": [1.0, 1.0, 9.0, 9.0]}
    put_job_annotations(server_of(world), job["id"], [drawn])
    before = world.now.ledger.label_version("source").boxes
    shown = pull(world, pull_mode="force_refresh")
    assert shown["tasks read"] == 2
    assert world.now.ledger.label_version("source").boxes.equals(before)


@pytest.mark.slow
def test_samples_and_labels_say_where_they_come_from_and_rebuild_restores_it(two) -> None:
    world, first, second = two
    delete_frames(server_of(world), second, [1])
    shown = pull(world, name_fields=r"(?P<area>[A-Z][a-z]+)_(?P<year>\d{4})_q(?P<quadrat>\d)")
    revision = {each.task_id: each.revision[:SHORT] for each in world.now.ledger.contents("source")[0]}
    assert f"/tasks/{first}) | 3 | 0 | 0 | rectangle 3 |  | {revision[first]} |" in shown["tasks"]
    assert f"/tasks/{second}) | 2 | 1 | 0 | rectangle 2 |  | {revision[second]} |" in shown["tasks"]
    before = _said(world)
    assert before[1] == [2019, 2019, 2019, 2020, 2020]
    assert before[0]["cvat_task_id"] == first
    assert before[0]["cvat_subset"] == "Train"
    assert before[0]["cvat_frame"] in (0, 1, 2)
    assert before[0]["cvat_url"].endswith(f"/tasks/{first}")
    assert before[0]["cvat_updated"].startswith("20")
    assert before[2] == {("shape", True, first), ("shape", True, second)}
    assert before[3] == 1
    rebuild(world.now, DatasetResource(), lambda _: None)
    assert _said(world) == before


def _said(world: World) -> tuple:
    found = data_set(world)
    sample = found.match({"area": "Reef"}).sort_by("cvat_frame").first()
    labels = found.values("human_labels.detections", unwind=True)
    told = {("shape", label.shape_id > 0 and bool(label.cvat_revision), label.task_id) for label in labels}
    own = {name: sample[name] for name in sample.field_names if name.startswith("cvat_")}
    return own, sorted(found.values("year")), told, len(found.match_tags("removed_in_cvat"))
