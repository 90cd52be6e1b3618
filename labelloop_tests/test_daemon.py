"""The loop under Dagster's own daemon: real processes, real training, people who finish, reopen and correct."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

import labelloop.cli
from labelloop.adapters import mongod, sandbox_server
from labelloop.adapters.files import locks
from labelloop.adapters.files.ledger import HOLDOUT
from labelloop.adapters.processes import read_record
from labelloop.resources.runs import PARTITION_TAG, stage_lock
from labelloop_tests.annotating import draw, finish, without_the_last
from labelloop_tests.elsewhere import still_there, wait_until
from labelloop_tests.worlds import World, make_world

PATIENCE = 240.0  # seconds; two busy cores are slow
TINY = {"weights": "labelloop:digits", "imgsz": 64, "epochs_first": 1, "epochs": 1, "batch": 8}


class Live:
    """A project with a Dagster home, and daemons on it that are processes of their own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.home = world.now.home.root / "dagster"
        self.home.mkdir()
        shutil.copyfile(Path(labelloop.cli.__file__).with_name("dagster.yaml"), self.home / "dagster.yaml")
        self.instance = dg.DagsterInstance.from_config(str(self.home))
        self.daemons: list[subprocess.Popen] = []

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("FIFTYONE_")}
        return {**ours, "DAGSTER_HOME": str(self.home), "PYTHONWARNINGS": "ignore", "LABELLOOP_IDLE_SECONDS": "600"}

    def start_daemon(self) -> subprocess.Popen:
        with (self.home / f"daemon-{len(self.daemons)}.log").open("ab") as log:
            command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", "labelloop.definitions"]
            self.daemons.append(
                subprocess.Popen(
                    command, cwd=self.world.folder, env=self.environment, stdout=log, stderr=log,
                    start_new_session=True,
                )
            )  # fmt: skip
        return self.daemons[-1]

    def stop_daemon(self, daemon: subprocess.Popen, how: int = signal.SIGTERM) -> None:
        """End a daemon, its code server and its runs; servers of the home are nobody's children for long."""
        children = psutil.Process(daemon.pid).children(recursive=True)
        family = [psutil.Process(daemon.pid), *(child for child in children if os.getsid(child.pid) == daemon.pid)]
        daemon.send_signal(how)
        for process in still_there(family):
            process.kill()
        daemon.wait(timeout=30)

    def stop_daemons(self) -> None:
        """End all daemons that are running."""
        for daemon in self.daemons:
            if daemon.poll() is None:
                self.stop_daemon(daemon)

    def terminal(self, job: str, iteration: str | None = None) -> subprocess.Popen:
        """What a person types in a terminal."""
        command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "labelloop.definitions", "-j", job]
        tags = ["--tags", json.dumps({PARTITION_TAG: iteration})] if iteration else []
        with (self.home / f"terminal-{job}.log").open("ab") as log:
            return subprocess.Popen(
                [*command, *tags], cwd=self.world.folder, env=self.environment, stdout=log, stderr=log
            )

    def runs(self, job: str, batch: str | None = None) -> list[str]:
        """How the runs of a job for a batch stand."""
        tags = {PARTITION_TAG: batch} if batch else {}
        return [run.status.value for run in self.instance.get_runs(dg.RunsFilter(job_name=job, tags=tags))]

    def wait_for(self, job: str, batch: str | None = None, count: int = 1) -> None:
        """Until there are that many successful runs, and no other."""
        wait_until(lambda: self.runs(job, batch).count("SUCCESS") >= count, PATIENCE)
        assert self.runs(job, batch) == ["SUCCESS"] * count

    def ticks(self, sensor: str) -> list[Any]:
        """Ticks of a sensor, newest first."""
        for state in self.instance.all_instigator_state():
            if state.instigator_name == sensor:
                return list(self.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=200))
        return []

    def told(self, sensor: str, words: str) -> bool:
        """Whether a tick was skipped with these words."""
        return any(words in (tick.skip_reason or "") for tick in self.ticks(sensor))

    def let_tick(self, sensor: str, times: int = 3) -> None:
        """Until a sensor has ticked so many times more."""
        before = len(self.ticks(sensor))
        wait_until(lambda: len(self.ticks(sensor)) >= before + times, PATIENCE)

    def close(self) -> None:
        self.stop_daemons()
        self.instance.dispose()
        mongod.shut_down(self.world.now.home)
        self.world.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    world = make_world(
        tmp_path, train=TINY, annotation={"segment_size": 5, "max_task_images": 4}, stop={"max_iterations": 2}
    )
    one = Live(world)
    yield one
    one.close()


@pytest.mark.slow
def test_the_loop_runs_by_itself_and_each_thing_once(live: Live) -> None:
    world, ledger = live.world, live.world.now.ledger
    assert live.terminal("prepare_pool").wait(PATIENCE) == 0
    first = live.start_daemon()

    # v0 and the hold-out are sent by themselves; a batch of two tasks is finished one task after the other.
    live.wait_for("next_batch", "v0")
    live.wait_for("send_holdout")
    assert len(ledger.read("tasks", "v0")["tasks"]) == 2
    draw(world, ledger.read("tasks", "v0")["tasks"][0])
    wait_until(lambda: live.told("cvat_tasks_completed", "v0: 1 of 2 jobs"), PATIENCE)
    assert live.told("cvat_tasks_completed", "waiting for the hold-out: ")
    for task in ledger.read("tasks", HOLDOUT)["tasks"]:
        draw(world, task)
    live.wait_for("take_holdout")

    # A second daemon and a restart of the first make no second run of anything.
    live.start_daemon()
    live.stop_daemon(first)
    live.start_daemon()
    world.annotate()
    live.wait_for("label_loop", "v0")
    live.wait_for("next_batch", "v1")
    model = ledger.read("models", "v0")

    # Reopened and completed again: with the same boxes nothing, with others exactly one take, and no new model.
    finish(world, "v0")
    live.let_tick("cvat_tasks_completed")
    assert live.runs("take_batch") == []
    finish(world, "v0", without_the_last)
    live.wait_for("take_batch", "v0")
    live.let_tick("cvat_tasks_completed")

    # A server that is killed is a skipped tick with its reason, and then it is there again.
    record = read_record(sandbox_server.owned(world.now.home).record)
    for pid in (record["keeper"][0], record["server"][0]):
        psutil.Process(pid).kill()
    wait_until(lambda: live.told("cvat_tasks_completed", "sandbox server was not running"), PATIENCE)

    # What a person starts in a terminal is waited for; when it is killed, the loop notices and does the work.
    live.stop_daemons()
    world.annotate()
    with live.terminal("label_loop", "v1") as terminal:
        training = world.now.home.lock(stage_lock("trained_model", "v1"))
        wait_until(lambda: locks.is_held(training), PATIENCE)
        os.kill(terminal.pid, signal.SIGSTOP)  # else a fast machine is done before the daemon has looked
        live.start_daemon()
        live.let_tick("cvat_tasks_completed")
        assert live.runs("label_loop", "v1") == ["STARTED"]
        terminal.kill()
    wait_until(lambda: live.runs("label_loop", "v1") == ["SUCCESS", "FAILURE"], PATIENCE)
    wait_until(lambda: live.told("next_iteration", "the loop has stopped: 2 iterations are done"), PATIENCE)

    live.let_tick("cvat_tasks_completed")
    everything = [(run.job_name, run.tags.get(PARTITION_TAG)) for run in live.instance.get_runs()]
    assert sorted(everything, key=str) == [
        ("label_loop", "v0"), ("label_loop", "v1"), ("label_loop", "v1"), ("next_batch", "v0"), ("next_batch", "v1"),
        ("prepare_pool", None), ("send_holdout", None), ("take_batch", "v0"), ("take_holdout", None),
    ]  # fmt: skip
    assert ledger.read("models", "v0") == model
    assert not [
        tick.error for sensor in ("cvat_tasks_completed", "next_iteration") for tick in live.ticks(sensor) if tick.error
    ]
