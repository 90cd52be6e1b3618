import pytest

from labelloop.cli import init
from labelloop.cli.demo_home import OLD, DemoHome
from labelloop.core.errors import ConfigError
from labelloop.settings.yaml_file import load_settings


def nothing(_: str) -> None:
    """Nobody listens."""


@pytest.fixture(autouse=True)
def _few_scenes(monkeypatch):
    monkeypatch.setattr(init, "SCENE_COUNT", 4)
    monkeypatch.delenv("LABELLOOP_HOME", raising=False)


@pytest.fixture
def home(tmp_path):
    return DemoHome(tmp_path)


def allowed(home):
    return load_settings(home.config).stop.max_iterations


def test_an_empty_folder_becomes_a_sandbox_that_stops_after_the_iterations_asked_for(home):
    now = home.make(3, nothing)
    assert home.is_ours
    assert now.settings.sandbox == "replay"
    assert allowed(home) == 3
    assert len(list((home.root / "sandbox" / "scenes" / "images").iterdir())) == 4


def test_more_iterations_may_be_asked_for_later_and_fewer_than_there_are_change_nothing(home):
    home.make(3, nothing)
    home.make(5, nothing)
    assert allowed(home) == 5
    for name in ("v0", "v1", "v2"):
        (home.root / "batches").mkdir(exist_ok=True)
        (home.root / "batches" / f"{name}.json").write_text("{}")
    home.make(1, nothing)
    assert allowed(home) == 3


def test_what_was_edited_by_hand_stays(home):
    home.make(3, nothing)
    home.config.write_text(home.config.read_text().replace("budget: 40", "budget: 12"))
    assert home.make(4, nothing).settings.batch.budget == 12


def test_a_project_that_people_annotate_is_left_alone(home):
    list(init.run(home.folder, sandbox=False, source=None, weights=""))
    before = home.config.read_bytes()
    with pytest.raises(ConfigError, match="holds a project of its own"):
        home.make(3, nothing)
    with pytest.raises(ConfigError, match="no demo made"):
        home.throw_away()
    assert home.config.read_bytes() == before
    assert home.root.is_dir()


def test_a_sandbox_that_somebody_else_made_is_turned_and_never_thrown_away(home):
    list(init.run(home.folder, sandbox=True, source=None, weights=""))
    before = home.config.read_bytes()
    home.make(3, nothing)
    home.worked(5.0)
    assert home.config.read_bytes() == before
    assert not home.is_ours
    with pytest.raises(ConfigError, match="no demo made"):
        home.throw_away()


def test_fresh_throws_away_what_a_demo_made_and_nothing_else(home):
    home.make(3, nothing)
    (home.folder / "notes.txt").write_text("mine")
    home.worked(12.3)
    assert home.seconds() == 12.3
    home.throw_away()
    assert {path.name for path in home.folder.iterdir()} == {"notes.txt", ".env"}
    home.make(2, nothing)
    assert home.seconds() == 0.0


def test_a_throwing_away_that_was_broken_off_is_finished_the_next_time(home):
    home.make(3, nothing)
    home.root.rename(home.folder / OLD)
    home.config.unlink()
    home.throw_away()
    assert not (home.folder / OLD).exists()


def test_a_demo_that_was_killed_while_it_was_made_is_completed(home):
    home.make(3, nothing)
    home.config.unlink()
    home.make(3, nothing)
    assert allowed(home) == 3
