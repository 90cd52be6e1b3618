import os
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-c", "from labelloop.cli.main import main; main()"]


@pytest.fixture
def folder(tmp_path):
    """A folder whose name means something else to whoever prints it in colour."""
    made = tmp_path / "a [bold]b[/c] d"
    made.mkdir(parents=True)
    return made


def labelloop(folder, *arguments):
    hidden = ("LABELLOOP_HOME", "LABELLOOP_CONFIG")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_an_expected_error_is_one_line_with_the_remedy_and_an_exit_code_of_one(folder):
    done = labelloop(folder, "down")
    assert done.returncode == 1
    assert done.stdout == ""
    said = f"ConfigError No labelloop.yaml in {folder} or above. Run `labelloop init` (or `labelloop init --sandbox` "
    assert done.stderr == f"{said}to try it without a CVAT).\n"


@pytest.mark.slow
def test_init_makes_a_project_of_the_current_folder(folder):
    done = labelloop(folder, "init")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"wrote {folder / 'labelloop.yaml'}"
    assert f"DAGSTER_HOME={folder / '.labelloop' / 'dagster'}" in (folder / ".env").read_text()
