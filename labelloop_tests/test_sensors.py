"""Each sentence of the design about the sensors, on a real server and real files; only YOLO is a fake."""

import json
import platform
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import psutil
import pytest

from labelloop.adapters import sandbox_server
from labelloop.adapters.cvat import pull
from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import complete_job, jobs_of_task, put_job_annotations, reopen_job
from labelloop.adapters.cvat.projects import find_or_create_project
from labelloop.adapters.cvat.transport import BoundedPool
from labelloop.cli.repush import repush
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import ConfigError, CvatError, CvatLoginError, StuckError
from labelloop.core.vocabulary import HOLDOUT
from labelloop.resources import cvat as cvat_resource
from labelloop.resources import runs, source_pull
from labelloop.resources.backups import backups
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.project import ProjectResource
from labelloop.resources.rebuild import rebuild
from labelloop.resources.runs import PROCESS_TAG
from labelloop.sandbox.server.running import SandboxServer
from labelloop.sensors import SENSORS, cvat_project_updated, cvat_tasks_completed, next_iteration
from labelloop.sensors.looking import Seen
from labelloop.sensors.tick import interval
from labelloop.settings.yaml_file import CONFIG_NAME
from labelloop_tests.annotating import complete, finish, without_the_last
from labelloop_tests.assets.test_pull import finished_task
from labelloop_tests.elsewhere import wait_until
from labelloop_tests.sandbox.server.controls import Controls
from labelloop_tests.sandbox.server.receiver import receiving
from labelloop_tests.worlds import World, make_world


class Daemon:
    """What Dagster's daemon does with a sensor: keeps its cursor, and runs a run key once for all time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cursors: dict[str, str | None] = {}
        self.keys: list[str] = []

    def tick(self, sensor: dg.SensorDefinition) -> list[dg.RunRequest] | str:
        """What a tick requests, or why it requests nothing."""
        context = dg.build_sensor_context(instance=self.world.instance, cursor=self.cursors.get(sensor.name))
        resources: dict[str, Any] = {"project": ProjectResource(config_path=str(self.world.folder / CONFIG_NAME))}
        if "cvat" in sensor.required_resource_keys:
            resources["cvat"] = CvatResource()
        result = sensor(context, **resources)
        if isinstance(result, dg.SkipReason):
            return result.skip_message
        if result.cursor is not None:
            self.cursors[sensor.name] = result.cursor
        for wanted in result.dynamic_partitions_requests or []:
            self.world.instance.add_dynamic_partitions(wanted.partitions_def_name, wanted.partition_keys)
        fresh = [request for request in result.run_requests or [] if request.run_key not in self.keys]
        self.keys += [str(request.run_key) for request in fresh]
        return fresh if result.run_requests else result.skip_reason.skip_message

    def act(self, sensor: dg.SensorDefinition) -> list[tuple[str, str | None, bool]]:
        """Tick and run: job, iteration and success of each run."""
        requests = self.tick(sensor)
        assert isinstance(requests, list), requests
        return [(str(r.job_name), r.partition_key, self.world.start(r).success) for r in requests]


@pytest.fixture(scope="module")
def prepared(database: str, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A pool that is scored, and nothing sent."""
    world = make_world(tmp_path_factory.mktemp("prepared") / "project")
    world.turn([("prepare_pool", None)])
    return world


@pytest.fixture(scope="module")
def sent(prepared: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """v0 in two tasks and the hold-out are in CVAT; nobody annotated anything."""
    world = prepared.copy(tmp_path_factory.mktemp("sent"))
    world.configure(annotation={"segment_size": 5, "max_task_images": 4})
    world.turn([("next_batch", "v0"), ("send_holdout", None)])
    return world


@pytest.fixture
def fresh(prepared: World, tmp_path: Path) -> Iterator[Daemon]:
    world = prepared.copy(tmp_path)
    yield Daemon(world)
    world.close()


@pytest.fixture
def waiting(sent: World, tmp_path: Path) -> Iterator[Daemon]:
    world = sent.copy(tmp_path)
    yield Daemon(world)
    world.close()


@pytest.fixture(scope="module")
def looked(sent: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """As `waiting`, shared by the tests that only look."""
    world = sent.copy(tmp_path_factory.mktemp("looked"))
    yield world
    world.close()


# -- when they run --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [("sandbox: replay\n", 4), ("sandbox: off\n", 30), ("name: [unclosed\n", 30), ("bach: 1\n", 30), (None, 30)],
    ids=["sandbox", "people", "not yaml", "unknown key", "no project"],
)
def test_sensors_tick_often_in_the_sandbox_whatever_else_is_wrong(tmp_path, settings, seconds) -> None:
    if settings is not None:
        (tmp_path / CONFIG_NAME).write_text(settings)
    assert interval(tmp_path) == seconds


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda sensor: sensor.name)
def test_they_run_unless_somebody_stops_them(sensor) -> None:
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 30
    assert sensor.description


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda sensor: sensor.name)
def test_a_broken_labelloop_yaml_turns_the_tick_red_with_the_key(tmp_path, sensor) -> None:
    (tmp_path / CONFIG_NAME).write_text("bach: {budget: 3}\n")
    with pytest.raises(ConfigError, match="unknown key 'bach', did you mean 'batch'"):
        Daemon(World(tmp_path, dg.DagsterInstance.ephemeral())).tick(sensor)


# -- next_iteration -------------------------------------------------------------------------------------------


def test_the_sandbox_begins_by_itself_with_v0_and_the_hold_out(fresh: Daemon) -> None:
    assert fresh.act(next_iteration) == [("next_batch", "v0", True), ("send_holdout", None, True)]
    assert fresh.keys == ["v0@batch#1", "holdout@split#1"]
    assert fresh.world.instance.has_dynamic_partition("iteration", "v0")
    assert "v1 is chosen when v0 is annotated" in fresh.tick(next_iteration)
    assert fresh.world.now.ledger.iterations() == ["v0"]


def test_v0_waits_for_the_scores_and_for_autostart(fresh: Daemon) -> None:
    fresh.world.configure(loop={"autostart": False})
    (holdout,) = fresh.tick(next_iteration)
    assert holdout.job_name == "send_holdout"
    fresh.world.configure(sandbox="off", annotation={"push": True})
    assert "v0 is started by a person" in fresh.tick(next_iteration)
    (fresh.world.now.home.root / "zcore.parquet").unlink()
    assert "prepare_pool" in fresh.tick(next_iteration)


@pytest.mark.slow
def test_a_batch_whose_sending_broke_off_is_requested_again(waiting: Daemon) -> None:
    home = waiting.world.now.home.root
    before = waiting.world.now.ledger.read("tasks", "v0")
    (home / "tasks" / "v0.json").unlink()
    (home / "tasks" / "holdout.json").unlink()
    assert waiting.act(next_iteration) == [("next_batch", "v0", True), ("send_holdout", None, True)]
    assert waiting.world.now.ledger.read("tasks", "v0") == before


def test_the_next_iteration_follows_its_selection_unless_the_loop_stops(waiting: Daemon, monkeypatch) -> None:
    ledger = waiting.world.now.ledger
    ledger.write("selections", "v1", {"stopped": "The pool is exhausted.", "rows": []})
    assert "The pool is exhausted." in waiting.tick(next_iteration)
    ledger.write("selections", "v1", {"stopped": None, "rows": ledger.read("batches", "v0")["rows"]})
    (request,) = waiting.tick(next_iteration)
    assert (request.job_name, request.partition_key) == ("next_batch", "v1")
    assert waiting.world.instance.has_dynamic_partition("iteration", "v1")

    # A second daemon asks at the same moment; later, for want of a run, the same is asked for under the same key.
    assert Daemon(waiting.world).tick(next_iteration) == "v1: next_batch was requested a moment ago"
    monkeypatch.setattr(runs, "CLAIM_SECONDS", 0.0)
    assert waiting.tick(next_iteration) == []


# -- cvat_tasks_completed -------------------------------------------------------------------------------------


def test_without_a_task_cvat_is_not_asked(fresh: Daemon) -> None:
    assert "no batch was chosen yet" in fresh.tick(cvat_tasks_completed)
    assert sandbox_server.owned(fresh.world.now.home).port() is None


def test_the_tick_tells_what_is_missing_and_how_far_it_is(looked: World) -> None:
    looked.cvat.server(looked.now)
    told = Daemon(looked).tick(cvat_tasks_completed)
    assert told.startswith("v0: 0 of 2 jobs, http://127.0.0.1:")
    assert "; waiting for the hold-out: " in told
    assert " val " in told
    assert "0 of 1 jobs, http" in told


def test_tasks_completed_one_after_another_start_one_run_once_the_hold_out_is_there(waiting: Daemon) -> None:
    world = waiting.world
    first, second = world.now.ledger.read("tasks", "v0")["tasks"]
    complete(world, first)
    assert "v0: 1 of 2 jobs" in waiting.tick(cvat_tasks_completed)
    complete(world, second)
    assert "v0: 2 of 2 jobs, all done; waiting for the hold-out" in waiting.tick(cvat_tasks_completed)
    world.annotate()
    assert waiting.act(cvat_tasks_completed) == [("take_holdout", None, True)]
    (request,) = waiting.tick(cvat_tasks_completed)
    assert (request.job_name, request.partition_key) == ("label_loop", "v0")
    assert request.run_key.startswith("v0@")
    assert request.run_key.endswith("#1")
    assert waiting.tick(cvat_tasks_completed) == "v0: label_loop was requested a moment ago"


@pytest.fixture
def turned(waiting: Daemon) -> Daemon:
    """v0 is finished, v1 is with the annotators, everything by sensors alone."""
    waiting.world.annotate()
    assert waiting.act(cvat_tasks_completed) == [("take_holdout", None, True)]
    assert waiting.act(cvat_tasks_completed) == [("label_loop", "v0", True)]
    assert waiting.tick(cvat_tasks_completed) == "v0 is finished"
    assert waiting.act(next_iteration) == [("next_batch", "v1", True)]
    return waiting


@pytest.mark.slow
def test_a_reopened_iteration_is_taken_again_exactly_when_its_boxes_are_others(turned: Daemon) -> None:
    world, ledger = turned.world, turned.world.now.ledger
    model, labels = ledger.read("models", "v0"), ledger.revision("v0")
    assert turned.tick(cvat_tasks_completed).startswith("v1: 0 of 2 jobs")
    finish(world, "v0")
    assert turned.tick(cvat_tasks_completed).startswith("v1: 0 of 2 jobs")
    finish(world, "v0", without_the_last)
    assert turned.act(cvat_tasks_completed) == [("take_batch", "v0", True)]
    assert turned.tick(cvat_tasks_completed).startswith("v1: 0 of 2 jobs")
    assert ledger.revision("v0") != labels
    assert ledger.read("models", "v0") == model
    finish(world, HOLDOUT, without_the_last)
    assert turned.act(cvat_tasks_completed) == [("take_holdout", None, True)]
    assert turned.tick(cvat_tasks_completed).startswith("v1: 0 of 2 jobs")


@pytest.mark.slow
def test_labels_that_were_edited_in_the_app_are_judged_again_and_nothing_is_trained_twice(turned: Daemon) -> None:
    """`labelloop repush v0 --from-app` makes the labels here those of CVAT; a run only judges them."""
    world, ledger = turned.world, turned.world.now.ledger
    model, labels = ledger.read("models", "v0"), ledger.revision("v0")
    edited = next(iter(ledger.label_version("v0").boxes["sample_id"]))
    with DatasetResource().writing(world.now, lambda _: None) as loop:
        sample = loop.dataset.match({"sample_id": edited}).first()
        sample["human_labels"].detections = sample["human_labels"].detections[1:]
        sample.save()
    said: list[str] = []
    repush(world.now, "v0", said.append, agreed=True, from_app=True)
    assert any("1 removed" in line for line in said)
    after = ledger.revision("v0")
    assert after != labels
    assert turned.act(cvat_tasks_completed) == [("take_batch", "v0", True)]
    assert turned.tick(cvat_tasks_completed).startswith("v1: 0 of 2 jobs")
    assert (ledger.revision("v0"), ledger.read("verdicts", "v0")["revision"]) == (after, after)
    assert ledger.read("models", "v0") == model
    rebuild(world.now, DatasetResource(), lambda _: None)
    said.clear()
    repush(world.now, "v0", said.append, agreed=True, from_app=True)
    assert said[-1] == "nothing to do: the tasks of v0 hold the labels that the App shows"
    with DatasetResource().writing(world.now, lambda _: None) as loop:
        sample = loop.dataset.match({"sample_id": edited}).first()
        sample["human_labels"].detections = []
        sample.save()
    assert world.run("take_batch", "v0").success
    assert backups(world.now, "v0")[-1].name.startswith("from-app-")


@pytest.mark.slow
def test_completed_reopened_and_completed_again_are_two_runs_in_all(waiting: Daemon) -> None:
    world = waiting.world
    world.annotate()
    assert waiting.act(cvat_tasks_completed) == [("take_holdout", None, True)]
    assert waiting.act(cvat_tasks_completed) == [("label_loop", "v0", True)]
    restarted = Daemon(world)  # its cursor is lost; what Dagster's own database holds is not
    restarted.keys = waiting.keys
    server, (task, *_) = world.cvat.server(world.now), world.now.ledger.read("tasks", "v0")["tasks"]
    (job, *_) = jobs_of_task(server, task["task_id"])
    assert [daemon.tick(cvat_tasks_completed) for daemon in (waiting, restarted)] == ["v0 is finished"] * 2
    reopen_job(server, job.job_id)
    assert [daemon.tick(cvat_tasks_completed)[:17] for daemon in (waiting, restarted)] == ["v0: 1 of 2 jobs, "] * 2
    complete_job(server, job.job_id)  # as CVAT itself flips the state of a job that is completed twice
    assert [daemon.tick(cvat_tasks_completed) for daemon in (waiting, restarted)] == ["v0 is finished"] * 2
    finish(world, "v0", without_the_last)
    assert restarted.act(cvat_tasks_completed) == [("label_loop", "v0", True)]
    assert [daemon.tick(cvat_tasks_completed) for daemon in (waiting, restarted)] == ["v0 is finished"] * 2
    assert [run.job_name for run in world.instance.get_runs()].count("label_loop") == 2


def test_a_task_that_was_not_touched_costs_a_look_at_two_lists(waiting: Daemon) -> None:
    world = waiting.world
    world.annotate()
    server = CvatResource().watched(world.now)
    counted, cursors = [server.requests], []
    requested = "holdout: take_holdout was requested a moment ago"
    for turn in range(3):
        found = waiting.tick(cvat_tasks_completed)
        assert requested in found if turn else [request.job_name for request in found] == ["take_holdout"]
        counted.append(server.requests)
        cursors.append(waiting.cursors["cvat_tasks_completed"])
    assert counted[3] - counted[2] == counted[2] - counted[1] == 2 < counted[1] - counted[0]
    waiting.cursors.clear()  # a cursor that was lost costs reading, and no run
    assert requested in waiting.tick(cvat_tasks_completed)
    assert {*cursors, waiting.cursors["cvat_tasks_completed"]} == {cursors[0]}


def test_a_tick_that_has_no_time_reads_one_task_and_the_next_goes_on_there(looked: World) -> None:
    server = looked.cvat.server(looked.now)
    tasks = pull.progress(server, [task["task_id"] for task in looked.now.ledger.read("tasks", "v0")["tasks"]])
    hasty = Seen(seconds=-1.0)
    assert hasty.revision(server, tasks) == ""
    again = Seen.of(hasty.cursor())
    assert len(again.tasks) == 1
    assert again.revision(server, tasks) == Seen().revision(server, tasks) != ""


@pytest.mark.parametrize("cursor", [None, "", "not JSON", "[]", '{"1": 2}', '{"1": ["a"]}'])
def test_a_cursor_that_says_nothing_is_like_none(cursor) -> None:
    assert Seen.of(cursor).tasks == {}


@pytest.mark.slow
def test_a_run_that_fails_is_tried_three_times_and_then_a_person_is_called(waiting: Daemon) -> None:
    world = waiting.world
    world.annotate()
    waiting.act(cvat_tasks_completed)
    runs = []
    for attempt in (1, 2, 3):
        (request,) = waiting.tick(cvat_tasks_completed)
        assert request.run_key.endswith(f"#{attempt}")
        runs.append(world.pretend(request, dg.DagsterRunStatus.FAILURE).run_id[:8])
    with pytest.raises(StuckError, match=f"tried 3 times and is not done .runs {', '.join(reversed(runs))}"):
        waiting.tick(cvat_tasks_completed)
    finish(world, "v0", without_the_last)
    (request,) = waiting.tick(cvat_tasks_completed)
    assert request.run_key.endswith("#1")


@pytest.mark.slow
def test_a_loop_that_died_is_reported_and_requested_again(waiting: Daemon) -> None:
    world = waiting.world
    world.annotate()
    waiting.act(cvat_tasks_completed)
    world.turn([("take_batch", "v0")])  # as far as a label_loop came whose labels are taken
    (request,) = waiting.tick(cvat_tasks_completed)
    ended = psutil.Popen(["true"])
    ended.wait()
    run = world.pretend(request, dg.DagsterRunStatus.STARTED, {PROCESS_TAG: f"{platform.node()}:{ended.pid}:1.00"})
    (again,) = waiting.tick(cvat_tasks_completed)
    assert again.run_key == request.run_key.replace("#1", "#2")
    assert world.instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE


def test_nothing_is_requested_while_a_run_is_on_its_way_or_another_process_works(waiting: Daemon) -> None:
    world = waiting.world
    world.annotate()
    waiting.act(cvat_tasks_completed)
    (request,) = waiting.tick(cvat_tasks_completed)
    run = world.pretend(request, dg.DagsterRunStatus.NOT_STARTED)
    assert f"run {run.run_id[:8]} of label_loop is not_started" in waiting.tick(cvat_tasks_completed)
    world.instance.delete_run(run.run_id)
    with world.now.alone("stages/trained_model-v0", print):
        assert "is at trained_model" in waiting.tick(cvat_tasks_completed)
    assert waiting.tick(cvat_tasks_completed) == "v0: label_loop was requested a moment ago"


@pytest.mark.slow
def test_labels_that_fail_their_checks_call_a_person_and_corrected_ones_go_on(waiting: Daemon) -> None:
    world = waiting.world
    world.annotate()
    finish(world, "v0", lambda shapes: [*shapes, *shapes])
    waiting.act(cvat_tasks_completed)
    assert waiting.act(cvat_tasks_completed) == [("label_loop", "v0", False)]
    with pytest.raises(StuckError, match=r"v0 failed their checks .*few_boxes_are_bad"):
        waiting.tick(cvat_tasks_completed)
    finish(world, "v0", lambda shapes: list({str(s["points"]): s for s in shapes}.values()))
    (request,) = waiting.tick(cvat_tasks_completed)
    assert request.job_name == "label_loop"


def test_tasks_deleted_in_cvat_turn_the_tick_red(looked: World) -> None:
    tasks = looked.now.ledger.read("tasks", "v0")
    looked.cvat.server(looked.now)
    looked.now.ledger.write("tasks", "v0", {**tasks, "tasks": [{**tasks["tasks"][0], "task_id": 4321}]})
    with pytest.raises(StuckError, match="#4321 of v0 are no longer in CVAT"):
        Daemon(looked).tick(cvat_tasks_completed)
    looked.now.ledger.write("tasks", "v0", tasks)


# -- a CVAT that is not as it should be -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_sandbox_is_told_started_again_and_then_goes_on(waiting: Daemon) -> None:
    world = waiting.world
    world.annotate()
    server = sandbox_server.owned(world.now.home)
    record = json.loads(server.record.read_text())
    for pid in (record["keeper"][0], record["server"][0]):
        psutil.Process(pid).kill()
    # A killed process may be a zombie while a thread of it still holds its socket open.
    wait_until(lambda: server.port() is None)
    cursor = waiting.cursors.get("cvat_tasks_completed")
    assert "sandbox server was not running" in waiting.tick(cvat_tasks_completed)
    assert waiting.cursors.get("cvat_tasks_completed") == cursor
    assert waiting.act(cvat_tasks_completed) == [("take_holdout", None, True)]


@pytest.fixture
def elsewhere(looked: World, monkeypatch) -> Iterator[Daemon]:
    """The same project with the server as a CVAT of people."""
    server = looked.cvat.server(looked.now)
    token = json.loads((sandbox_server.data_folder(looked.now.home) / "credentials.json").read_text())["token"]
    before = (looked.folder / CONFIG_NAME).read_text()
    looked.configure(sandbox="off", annotation={"push": True})
    monkeypatch.setenv("CVAT_URL", server.url)
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", token)
    yield Daemon(looked)
    (looked.folder / CONFIG_NAME).write_text(before)


def test_a_cvat_that_is_down_is_a_skipped_tick_with_the_reason(elsewhere: Daemon, monkeypatch) -> None:
    assert "v0: 0 of 2 jobs" in elsewhere.tick(cvat_tasks_completed)
    elsewhere.cursors["cvat_tasks_completed"] = '{"1": ["then", "r1"]}'
    with monkeypatch.context() as patch:
        patch.setenv("CVAT_URL", "http://127.0.0.1:9")
        assert "CVAT at http://127.0.0.1:9 did not answer" in elsewhere.tick(cvat_tasks_completed)
        assert elsewhere.cursors["cvat_tasks_completed"] == '{"1": ["then", "r1"]}'
    assert "v0: 0 of 2 jobs" in elsewhere.tick(cvat_tasks_completed)


def test_a_cvat_that_hangs_does_not_hold_a_tick(elsewhere: Daemon, monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(cvat_resource, "TICK_TIMEOUT_S", 0.2)
        monkeypatch.setenv("CVAT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        assert "no answer within the time limit" in elsewhere.tick(cvat_tasks_completed)
        assert time.monotonic() - started < 30


def test_a_throttled_tick_is_skipped_at_once_and_one_connection_serves_all_that_follow(
    elsewhere: Daemon, monkeypatch, tmp_path
) -> None:
    slept: list[float] = []
    # Where urllib3 would wait as long as the server says, and where we do.
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=slept.append, time=time.time))
    monkeypatch.setattr(BoundedPool.__init__, "__defaults__", (slept.append,))
    with SandboxServer(tmp_path / "other", anonymous_limit=0, fault_key="key-of-the-test") as other:
        controls = Controls(other)
        monkeypatch.setenv("CVAT_URL", other.url)
        monkeypatch.setenv("CVAT_ACCESS_TOKEN", other.credentials.token)
        controls.add("too_many", path="^/api/", times=0, seconds=57)
        assert "429" in elsewhere.tick(cvat_tasks_completed)
        assert slept == []
        assert len(controls.requests()) == 1
        controls.send("DELETE", "faults")
        for _ in range(3):
            with pytest.raises(StuckError, match="no longer in CVAT"):  # it is another server
                elsewhere.tick(cvat_tasks_completed)
        asked = [request["path"] for request in controls.requests()]
        assert asked.count("/api/users/self") == 1


def test_credentials_that_are_refused_turn_the_tick_red(elsewhere: Daemon, monkeypatch) -> None:
    monkeypatch.setenv("CVAT_ACCESS_TOKEN", "not-the-token")
    with pytest.raises(CvatLoginError, match="CVAT_ACCESS_TOKEN"):
        elsewhere.tick(cvat_tasks_completed)


# -- cvat_project_updated -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_finished_and_changed_tasks_of_a_source_project_prepare_the_pool(waiting: Daemon) -> None:
    world = waiting.world
    assert "annotation.pull_project is empty" in waiting.tick(cvat_project_updated)
    world.configure(annotation={"pull_project": "Existing"})
    world.cvat.server(world.now)
    with pytest.raises(CvatError, match="no project 'Existing'"):
        waiting.tick(cvat_project_updated)
    task = finished_task(world, sorted((world.folder / "scenes" / "images").glob("*.jpg"))[:2])
    assert waiting.act(cvat_project_updated) == [("prepare_pool", None, True)]
    assert "1 finished tasks, all taken" in waiting.tick(cvat_project_updated)
    (job,) = jobs_of_task(world.cvat.server(world.now), task)
    reopen_job(world.cvat.server(world.now), job.job_id)
    assert "0 finished tasks" in waiting.tick(cvat_project_updated)
    put_job_annotations(world.cvat.server(world.now), job.job_id, [])
    complete_job(world.cvat.server(world.now), job.job_id)
    (request,) = waiting.tick(cvat_project_updated)
    assert request.job_name == "prepare_pool"


@pytest.mark.slow
def test_a_source_of_which_a_task_is_half_written_is_waited_for_until_that_task_is_gone(waiting: Daemon) -> None:
    """A run would be refused, and again until a person is called."""
    world = waiting.world
    world.configure(annotation={"pull_project": "Existing"})
    server = world.cvat.server(world.now)
    images = sorted((world.folder / "scenes" / "images").glob("*.jpg"))[:2]
    half, other = (finished_task(world, [image]) for image in images)
    assert waiting.act(cvat_project_updated) == [("prepare_pool", None, True)]
    world.now.ledger.write("rewriting", f"source/task-{half}", [])
    for task in (half, other):
        (job,) = jobs_of_task(server, task)
        put_job_annotations(server, job.job_id, [])
    told = f"`labelloop restore source` writes into #{half} of Existing; where that broke off, run it again"
    assert told in waiting.tick(cvat_project_updated)
    server.write("DELETE", f"/api/tasks/{half}", "deleting a task")
    assert waiting.act(cvat_project_updated) == [("prepare_pool", None, True)]


@pytest.mark.slow
def test_a_webhook_that_is_lost_or_comes_twice_misses_no_run_and_starts_none_more(
    elsewhere: Daemon, monkeypatch, tmp_path
) -> None:
    """Sensors ask and are not told: a hook that somebody adds to the project changes nothing."""
    world = elsewhere.world
    world.configure(annotation={"push": True, "pull_project": "Existing"})
    with SandboxServer(tmp_path / "hooked", anonymous_limit=0, fault_key="key") as other, receiving() as receiver:
        controls = Controls(other)
        monkeypatch.setenv("CVAT_URL", other.url)
        monkeypatch.setenv("CVAT_ACCESS_TOKEN", other.credentials.token)
        server = world.cvat.server(world.now)
        project = find_or_create_project(server, "Existing", ["one"]).id
        spec = {"target_url": receiver.url, "type": "project", "events": ["update:job"], "project_id": project}
        server.write("POST", "/api/webhooks", "adding a hook", spec)
        controls.add("drop_webhook", path="update:job", times=0)
        task = finished_task(world, sorted((world.folder / "scenes" / "images").glob("*.jpg"))[:2])
        assert [request.job_name for request in elsewhere.tick(cvat_project_updated)] == ["prepare_pool"]
        assert elsewhere.tick(cvat_project_updated) == "pool: prepare_pool was requested a moment ago"
        assert receiver.deliveries == []
        controls.send("DELETE", "faults")
        controls.add("repeat_webhook", path="update:job", times=0)
        (job,) = jobs_of_task(server, task)
        reopen_job(server, job.job_id)
        put_job_annotations(server, job.job_id, [])
        complete_job(server, job.job_id)
        told = [body for _, body in receiver.wait(2)]
        assert told[0] == told[1]
        assert [request.job_name for request in elsewhere.tick(cvat_project_updated)] == ["prepare_pool"]
        assert elsewhere.tick(cvat_project_updated) == "pool: prepare_pool was requested a moment ago"


@pytest.mark.slow
def test_a_task_that_was_reopened_and_completed_again_as_it_was_starts_no_run(waiting: Daemon) -> None:
    world = waiting.world
    world.configure(annotation={"pull_project": "Existing"})
    server = world.cvat.server(world.now)
    task = finished_task(world, sorted((world.folder / "scenes" / "images").glob("*.jpg"))[:2])
    assert waiting.act(cvat_project_updated) == [("prepare_pool", None, True)]
    (job,) = jobs_of_task(server, task)
    reopen_job(server, job.job_id)
    complete_job(server, job.job_id)
    assert "1 finished tasks, all taken" in waiting.tick(cvat_project_updated)


@pytest.mark.slow
def test_with_pull_unfinished_each_revision_of_an_open_task_starts_one_run(waiting: Daemon, monkeypatch) -> None:
    world = waiting.world
    world.configure(annotation={"pull_project": "Existing"})
    server = world.cvat.server(world.now)
    task = finished_task(world, sorted((world.folder / "scenes" / "images").glob("*.jpg"))[:2])
    (job,) = jobs_of_task(server, task)
    shapes = [
        {key: shape[key] for key in ("type", "frame", "label_id", "points")}
        for shape in server.get(f"/api/jobs/{job.job_id}/annotations/", "reading")["shapes"]
    ]
    reopen_job(server, job.job_id)
    assert "0 finished tasks" in waiting.tick(cvat_project_updated)
    world.configure(annotation={"pull_project": "Existing", "pull_unfinished": True})
    assert waiting.act(cvat_project_updated) == [("prepare_pool", None, True)]  # it was never taken
    assert "1 tasks, all taken" in waiting.tick(cvat_project_updated)
    put_job_annotations(server, job.job_id, shapes[:1])
    (request,) = waiting.tick(cvat_project_updated)
    assert waiting.tick(cvat_project_updated) == "pool: prepare_pool was requested a moment ago"
    assert world.start(request).success
    put_job_annotations(server, job.job_id, shapes[:1])  # saved once more, as it is
    read: list[int] = []
    real = pull.content

    def counted(server: CvatServer, task_id: int) -> TaskContent:
        read.append(task_id)
        return real(server, task_id)

    monkeypatch.setattr(source_pull, "content", counted)
    assert "1 tasks, all taken" in waiting.tick(cvat_project_updated)
    assert "1 tasks, all taken" in waiting.tick(cvat_project_updated)
    assert len(read) == 1  # the cursor knows it
    complete_job(server, job.job_id)
    assert waiting.act(cvat_project_updated) == [("prepare_pool", None, True)]  # the empty image counts now
    reopen_job(server, job.job_id)
    complete_job(server, job.job_id)
    assert "1 tasks, all taken" in waiting.tick(cvat_project_updated)
