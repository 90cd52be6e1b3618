"""One demo from an empty folder to its end, interrupted on the way as rudely as people and machines do it."""

import re
import signal

import dagster as dg
import pytest

from labelloop.adapters.files import locks
from labelloop.cli.instance import instance_of
from labelloop.cli.state import IN_FLIGHT
from labelloop.resources.history import stop_sentence, turns
from labelloop.resources.project import Project
from labelloop.resources.runs import stage_lock
from labelloop_tests import elsewhere
from labelloop_tests.cli.commands import Command, processes_of

pytestmark = pytest.mark.slow

TABLE = re.compile(r"^v(\d) +(\d+) +(0\.\d{3}) +(0\.\d{3}) +\d+ *$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("demo") / "project"
    made.mkdir()
    yield made
    Command(made, "down").ends()


def project(folder):
    return Project(folder / "labelloop.yaml")


def is_at(folder, step):
    return locks.is_held(folder / ".labelloop" / "locks" / stage_lock(*step.split()))


def runs_in_flight(folder):
    with instance_of(project(folder).home) as instance:
        return instance.get_runs(dg.RunsFilter(statuses=IN_FLIGHT))


def test_a_demo_that_is_killed_leaves_nothing_that_runs_for_long(folder):
    demo = Command(folder, "demo")
    demo.until(lambda: is_at(folder, "trained_model v0"))
    demo.ends(signal.SIGKILL)
    elsewhere.wait_until(lambda: not processes_of(folder / ".labelloop" / "services"), 60)
    elsewhere.wait_until(lambda: not processes_of(folder), 120)


def test_ctrl_c_stops_everything_and_breaks_nothing(folder):
    demo = Command(folder, "demo")
    demo.until(lambda: is_at(folder, "trained_model v0"))
    assert demo.ends(signal.SIGINT) == 128 + signal.SIGINT
    assert processes_of(folder) == []
    assert runs_in_flight(folder) == []
    assert "the same command goes on from here" in demo.text


def test_the_same_command_goes_on_to_the_end(folder):
    demo = Command(folder, "demo")
    assert demo.ends(seconds=1500) == 0, demo.text
    done = turns(project(folder))
    assert [turn.iteration for turn in done] == ["v0", "v1", "v2"]
    assert done[0].map50 < done[1].map50 < done[2].map50
    assert [int(row[0]) for row in TABLE.findall(demo.text)] == [0, 1, 2]
    assert stop_sentence(project(folder)) in demo.text
    assert (folder / ".labelloop" / "report.html").is_file()
    assert processes_of(folder) == []
    assert runs_in_flight(folder) == []


def test_nothing_was_sent_twice(folder):
    ledger = project(folder).ledger
    tasks = [
        task["task_id"] for name in ("holdout", *ledger.iterations()) for task in ledger.read("tasks", name)["tasks"]
    ]
    assert sorted(tasks) == list(range(1, len(tasks) + 1))


def test_run_again_it_shows_what_is_there_and_starts_nothing(folder):
    before = turns(project(folder))
    demo = Command(folder, "demo")
    assert demo.ends(seconds=60) == 0
    assert len(TABLE.findall(demo.text)) == 3
    assert turns(project(folder)) == before
    assert "Dagster UI" not in demo.text
    assert processes_of(folder) == []
