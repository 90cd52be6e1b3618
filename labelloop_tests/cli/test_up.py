"""`labelloop up` and `down` on a project whose pool was never prepared: the servers alone, each one real."""

import json
import signal

import pytest
import requests

from labelloop_tests import elsewhere
from labelloop_tests.cli.commands import Command, processes_of

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "project"
    made.mkdir()
    assert Command(made, "init", "--sandbox").ends() == 0
    yield made
    Command(made, "down").ends()


def started(folder):
    up = Command(folder, "up")
    up.until(lambda: "Ctrl-C" in up.text)
    return up


def record(folder):
    return json.loads((folder / ".labelloop" / "run.json").read_text())


def test_up_serves_until_it_is_told_to_stop_and_then_nothing_is_left(folder):
    up = started(folder)
    links = record(folder)["links"]
    assert all(url in up.text for url in links.values())
    for url in links.values():
        assert requests.get(url, timeout=120).status_code == 200  # the first look has FiftyOne come up
    second = Command(folder, "up")
    assert second.ends() == 0
    assert "up already" in second.text
    assert links["Dagster UI"] in second.text
    assert up.ends(signal.SIGINT) == 0
    assert processes_of(folder) == []
    assert not (folder / ".labelloop" / "run.json").exists()


def test_the_app_alone_is_where_up_has_it_and_leaves_nothing(folder):
    app = Command(folder, "app")
    app.until(lambda: "/datasets/" in app.text)
    url = app.text.strip()
    second = Command(folder, "app")
    second.until(lambda: url in second.text)
    assert second.ends(signal.SIGTERM) == 0
    assert any("app_door" in line for line in processes_of(folder))
    assert app.ends(signal.SIGINT) == 0
    assert not any("app_door" in line for line in processes_of(folder))
    up = started(folder)
    assert record(folder)["links"]["App"] == url
    assert up.ends(signal.SIGTERM) == 0
    assert processes_of(folder) == []


def test_down_ends_an_up_that_runs_elsewhere(folder):
    up = started(folder)
    down = Command(folder, "down")
    assert down.ends() == 0
    assert "labelloop up: stopped" in down.text
    assert up.ends() == 0
    assert processes_of(folder) == []
    again = Command(folder, "down")
    assert again.ends() == 0
    assert again.text.splitlines() == ["mongod: was not running", "sandbox server: was not running"]


def test_after_a_kill_the_next_up_takes_over_and_a_server_that_dies_is_started_again(folder):
    up = started(folder)
    before = record(folder)
    up.ends(signal.SIGKILL)
    up = started(folder)
    assert record(folder)["process"] != before["process"]
    services = folder / ".labelloop" / "services"
    pid = json.loads((services / "daemon.json").read_text())["server"][0]
    elsewhere.run("import os, signal, sys; os.kill(int(sys.argv[1]), signal.SIGKILL)", pid)
    up.until(lambda: "Dagster daemon was gone and is there again" in up.text)
    assert json.loads((services / "daemon.json").read_text())["server"][0] != pid
    assert up.ends(signal.SIGTERM) == 0
    assert processes_of(folder) == []
