"""The lines of the README, run as a person would: in a fresh folder, with nothing configured."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from labelloop.adapters.files.home import Home
from labelloop.adapters.files.ledger import Ledger
from labelloop.core.vocabulary import Source
from labelloop.settings.yaml_file import CONFIG_NAME
from labelloop_tests.crashes.command import start

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
DATA = os.environ.get("LABELLOOP_TEST_DATA", "")
TURN = [
    line for line in README.splitlines() if re.match(r"(labelloop (init --sandbox|sandbox) |dagster job execute)", line)
]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("FIFTYONE", "DAGSTER"))}


def run(line: str, folder: Path) -> None:
    command = shlex.split(line, comments=True)
    command[0] = str(Path(sys.executable).with_name(command[0]))
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, f"{line}\n{done.stderr[-3000:]}"


def run_forked(line: str, folder: Path) -> None:
    """The same in a process that need not import everything first."""
    said = folder / "said.log"
    said.write_bytes(b"")
    process = start(shlex.split(line, comments=True), folder, environment(), said)
    process.join(900)
    assert process.exitcode == 0, f"{line}\n{said.read_text(errors='replace')[-3000:]}"


def ledger(folder: Path) -> Ledger:
    return Ledger(Home.of(folder / CONFIG_NAME, environ={}))


def test_the_readme_has_the_lines_that_turn_the_loop_once_and_a_half() -> None:
    assert [line.split()[-1] for line in TURN].count('"v1"}\'') == 1
    assert len(TURN) == 8


@pytest.mark.slow
def test_the_lines_of_the_readme_turn_v0_and_start_v1_with_the_mined_batch(tmp_path: Path) -> None:
    for line in TURN:
        run(line, tmp_path)
    found = ledger(tmp_path)
    assert set(found.manifest("v1")["source"]) >= {Source.COVERAGE, Source.FAILURE}
    assert found.read("reports", "v0")["map50"] > 0.3
    run("labelloop down", tmp_path)


@pytest.mark.slow
def test_the_same_lines_turn_real_photographs_in_replay(tmp_path: Path) -> None:
    if not (Path(DATA) / "bccd" / "annotations").is_dir():
        pytest.skip("LABELLOOP_TEST_DATA has no bccd/annotations")
    init, *rest = TURN
    run_forked(f"{init.split('#')[0]} --from {Path(DATA) / 'bccd'} --weights labelloop:digits", tmp_path)
    config = tmp_path / CONFIG_NAME
    settings = yaml.safe_load(config.read_text())
    settings["train"] |= {"imgsz": 96, "epochs_first": 2}
    config.write_text(yaml.safe_dump(settings))
    for line in rest:
        run_forked(line, tmp_path)
    found = ledger(tmp_path)
    assert len(found.samples()) == 364
    assert found.splits()["split"].value_counts().to_dict()["val"] == 87
    assert len(found.manifest("v1")) > 0
    run_forked("labelloop down", tmp_path)
