import subprocess
import sys

import pytest
from rich.console import Console

from labelloop.adapters.files import atomic, locks
from labelloop.cli.benchmark import Asked, run
from labelloop.core.errors import ConfigError, LabelloopError
from labelloop_tests.replays import config_in

SMALL = {"weights": "labelloop:digits", "imgsz": 64, "epochs_first": 1, "epochs": 1, "device": "cpu", "fliplr": 0.0}


def command(*arguments):
    code = "from labelloop.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "benchmark", *arguments], capture_output=True, text=True, check=False
    )


def test_what_cannot_be_asked_is_refused_before_anything_is_written(tmp_path):
    config = config_in(tmp_path, scenes=1)
    for asked, said in (
        (Asked("qbc", 3, "4,8"), "'qbc' is no query strategy"),
        (Asked("zcore", 1, "4,8"), "one replay cannot tell gain from chance"),
        (Asked("zcore", 3, "8,4"), "--budget 8,4"),
    ):
        with pytest.raises(ConfigError, match=said):
            run(config, asked, Console(quiet=True))
    with pytest.raises(ConfigError, match=r"nowhere\.yaml does not exist"):
        run(tmp_path / "nowhere.yaml", Asked("zcore", 3, "4,8"), Console(quiet=True))
    assert {path.name for path in tmp_path.iterdir()} == {"scenes", "labelloop.yaml"}


def test_a_second_one_in_the_same_folder_is_refused(tmp_path):
    config, asked = config_in(tmp_path, scenes=1), Asked("zcore", 2, "4,8", tmp_path / "out", only_tables=True)
    run(config, asked, Console(quiet=True))
    with (
        locks.exclusive(tmp_path / "out" / "locks" / "benchmark"),
        pytest.raises(LabelloopError, match="A process is at the benchmark in"),
    ):
        run(config, asked, Console(quiet=True))


def test_of_two_that_begin_at_once_with_other_settings_the_later_is_refused(tmp_path, monkeypatch):
    """Neither finds a request in the folder; then both go for the lock."""
    config, out = config_in(tmp_path, scenes=1), tmp_path / "out"
    free = locks.exclusive_if_free

    def after_the_other(path):
        monkeypatch.setattr(locks, "exclusive_if_free", free)
        run(config, Asked("zcore", 2, "4,9", out, only_tables=True), Console(quiet=True))
        return free(path)

    monkeypatch.setattr(locks, "exclusive_if_free", after_the_other)
    with pytest.raises(ConfigError, match=r"labels was \[4, 9\] and is \[4, 8\]"):
        run(config, Asked("zcore", 2, "4,8", out, only_tables=True), Console(quiet=True))
    assert atomic.read_json(out / "request.json", "")["labels"] == [4, 9]


def test_tables_can_be_written_before_anything_was_trained(tmp_path):
    config = config_in(tmp_path, scenes=1)
    run(config, Asked("zcore", 2, "4,8", tmp_path / "out", only_tables=True), Console(quiet=True))
    assert "| zcore |  |  | 0 |" in (tmp_path / "out" / "table.md").read_text()


@pytest.mark.slow
def test_two_strategies_two_seeds_with_real_training(tmp_path):
    config = config_in(tmp_path, scenes=40, train=SMALL, splits={"val": 6, "test": 6})
    (tmp_path / ".labelloop").mkdir()
    asked = ("--config", str(config), "--strategies", "entropy", "--seeds", "2", "--budget", "6,9")
    done = command(*asked, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert "seed 1  entropy" in done.stdout
    result = atomic.read_json(tmp_path / ".labelloop" / "benchmark" / "result.json", "")
    assert [each["arm"] for each in result["comparisons"]] == ["entropy"]
    assert len(result["points"]) == 2 * 3 * 2
    again = command(*asked)
    assert (again.returncode, "seed 1  entropy" in again.stdout) == (0, False)
    assert atomic.read_json(tmp_path / ".labelloop" / "benchmark" / "result.json", "") == result
