"""The App's server: a door that costs nothing until somebody comes, and then the App."""

import psutil
import pytest
import requests

from labelloop.adapters import app_server
from labelloop.adapters.files.home import Home
from labelloop.adapters.ports import kept_port
from labelloop.adapters.processes import read_record


@pytest.fixture
def home(tmp_path, database, monkeypatch):
    monkeypatch.setenv("LABELLOOP_IDLE_SECONDS", "300")
    made = Home.of(tmp_path / "labelloop.yaml", environ={})
    made.dataset_uuid()
    yield made
    app_server.shut_down(made)


def process(home):
    return psutil.Process(read_record(app_server.owned(home).record)["server"][0])


def test_the_address_is_known_before_the_app_is_up_and_is_the_one_it_takes(home):
    before = app_server.app_url(home, "my scenes")
    assert app_server.running_url(home, "my scenes") is None
    port = app_server.ensure(home, home.project / "labelloop.yaml", "my scenes")
    assert before == f"http://127.0.0.1:{port}/datasets/my%20scenes"
    assert app_server.running_url(home, "my scenes") == before
    assert app_server.app_url(home, "s", view="batch_v0").endswith("/datasets/s?view=batch-v0")


def test_the_door_is_held_without_fiftyone_and_asking_for_it_does_not_open_it(home):
    app_server.ensure(home, home.project / "labelloop.yaml", "scenes")
    for _ in range(3):
        assert app_server.owned(home).port() == kept_port(home, app_server.APP)
    assert "labelloop.adapters.app_door" in process(home).cmdline()
    assert process(home).memory_info().rss < 40 << 20


@pytest.mark.slow
def test_who_comes_first_waits_and_is_served_by_the_same_process(home):
    port = app_server.ensure(home, home.project / "labelloop.yaml", "scenes")
    door = process(home).pid
    page = requests.get(f"http://127.0.0.1:{port}/datasets/scenes", timeout=120)
    assert page.status_code == 200
    assert "<title>FiftyOne</title>" in page.text
    assert requests.get(f"http://127.0.0.1:{port}/fiftyone", timeout=60).json()["version"]
    assert process(home).pid == door
    assert "labelloop.adapters.app_server" in process(home).cmdline()
    assert app_server.shut_down(home)
    assert app_server.running_url(home, "scenes") is None
