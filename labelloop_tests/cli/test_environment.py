import shutil

import pytest

from labelloop.cli import environment, init
from labelloop.resources.project import Project


@pytest.fixture
def moved(tmp_path, monkeypatch):
    """A project that was made in another folder."""
    monkeypatch.delenv("LABELLOOP_HOME", raising=False)
    (tmp_path / "before").mkdir()
    list(init.run(tmp_path / "before", sandbox=False, source=None, weights=""))
    with (tmp_path / "before" / ".env").open("a") as file:
        file.write("CVAT_URL=http://x\n")
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    return Project(tmp_path / "after" / "labelloop.yaml")


@pytest.mark.parametrize("gone", [True, False], ids=["moved", "copied"])
def test_a_dagster_home_that_was_left_behind_is_corrected_once(moved, tmp_path, gone):
    if gone:
        shutil.rmtree(tmp_path / "before")
    said = list(environment.follow(moved))
    assert "the project was moved" in said[-1]
    own = moved.home.root / "dagster"
    assert (moved.home.project / ".env").read_text() == f"CVAT_URL=http://x\nDAGSTER_HOME={own}\n"
    assert list(environment.follow(moved)) == []


def test_a_dagster_home_that_people_chose_stays(moved, tmp_path):
    (tmp_path / "shared").mkdir()
    (moved.home.project / ".env").write_text(f"DAGSTER_HOME={tmp_path / 'shared'}\n")
    assert list(environment.follow(moved)) == []
