"""A project that moves to another folder, and a second one beside the first."""

import os
import shutil
from pathlib import Path

import dagster as dg
import pytest

from labelloop.adapters import mongod
from labelloop.adapters.cvat.access import access_from_file
from labelloop.adapters.cvat.projects import find_project
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop_tests.worlds import World, failure_of, make_world


def files_of(world: World) -> list[str]:
    home = world.now.home
    return list(LoopDataset.open(home, mongod.ensure(home), world.now.settings.name).dataset.values("filepath"))


@pytest.mark.slow
def test_a_project_goes_on_where_it_was_moved_to(database, tmp_path) -> None:
    before = make_world(tmp_path / "before")
    before.turn([("prepare_pool", None), ("next_batch", "v0"), ("send_holdout", None)])
    tasks = before.now.ledger.read("tasks", "v0")["tasks"]
    shutil.move(before.folder, tmp_path / "after")
    after = World(tmp_path / "after", dg.DagsterInstance.ephemeral())
    try:
        after.annotate()
        after.turn([("take_holdout", None), ("label_loop", "v0"), ("next_batch", "v0"), ("next_batch", "v1")])
        files = files_of(after)
        assert files
        assert all(file.startswith(str(after.folder) + os.sep) and Path(file).is_file() for file in files)
        assert [task["key"] for task in after.now.ledger.read("tasks", "v0")["tasks"]] == [t["key"] for t in tasks]
        assert not before.folder.exists()
        after.turn([("prepare_pool", None)])
        assert len(files_of(after)) == len(files)
    finally:
        after.close()


@pytest.mark.slow
def test_two_projects_share_a_database_and_a_cvat_and_nothing_else(database, tmp_path, monkeypatch) -> None:
    first = make_world(tmp_path / "first")
    first.turn([("prepare_pool", None), ("next_batch", "v0")])
    server, name = first.cvat.server(first.now), first.now.settings.name
    credentials = first.now.home.root / "sandbox" / "server" / "credentials.json"
    second = make_world(tmp_path / "second", name=name, classes=["apple", "pear"], source={"type": "folder"})
    shutil.move(second.folder / "scenes" / "images", second.folder / "images")
    second.configure(source={"type": "folder", "path": "images"}, sandbox="off", annotation={"push": True})
    _log_in(monkeypatch, credentials)
    try:
        assert f"data set '{name}' belongs to another labelloop project" in failure_of(second.run("prepare_pool"))
        own = files_of(first)
        second.configure(name=f"{name}-2", annotation={"push": True, "project": name})
        second.turn([("prepare_pool", None)])
        refused = failure_of(second.run("next_batch", "v0"))
        assert f"Project '{name}'" in refused
        assert "belongs to another labelloop project" in refused
        assert "annotation.project" in refused
        assert list(find_project(server, name).label_ids) == list(first.now.ledger.schema().classes)
        second.configure(annotation={"push": True})
        second.turn([("next_batch", "v0")])
        assert list(find_project(server, f"{name}-2").label_ids) == ["apple", "pear"]
        assert files_of(first) == own
        assert not {*own} & {*files_of(second)}
        sent = [world.now.ledger.read("tasks", "v0")["tasks"] for world in (first, second)]
        assert not {task["key"] for task in sent[0]} & {task["key"] for task in sent[1]}
        first.annotate()
        progress = second.cvat.progress(second.now, "v0")
        assert [task.jobs_completed for task in progress] == [0] * len(progress)
        first.turn([("take_batch", "v0")])
    finally:
        first.close()


def _log_in(monkeypatch, credentials) -> None:
    """Let the server of one project be the CVAT of another."""
    access = access_from_file(credentials)
    monkeypatch.setenv("CVAT_URL", access.url)
    monkeypatch.setenv("CVAT_USERNAME", access.username)
    monkeypatch.setenv("CVAT_PASSWORD", access.password)
