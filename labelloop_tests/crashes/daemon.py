"""Dagster's daemon, its code server and its runs, as processes that can be killed one by one."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psutil

from labelloop.resources.runs import PARTITION_TAG, PROCESS_TAG
from labelloop_tests.crashes.ground import Ground
from labelloop_tests.crashes.strike import Kill, stop_at
from labelloop_tests.elsewhere import still_there, wait_until


class Daemon:
    """A daemon on a project, and what it started."""

    def __init__(self, ground: Ground, stops: Sequence[Kill] = ()) -> None:
        environment = stop_at(ground.folder, stops, ground.environment) if stops else ground.environment
        command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", "labelloop.definitions"]
        with (ground.folder / "daemon.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ground.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._family: list[psutil.Process] = []

    def kill(self) -> None:
        """`kill -9` of the daemon alone: its code server and its runs know nothing of it."""
        family = psutil.Process(self._process.pid).children(recursive=True)
        # Servers of the home have sessions of their own and stay.
        self._family = [process for process in family if _session(process) == self._process.pid]
        self._process.kill()
        self._process.wait()

    def clear(self) -> None:
        """End all that is left of it."""
        if self._process.poll() is None:
            self.kill()
        for process in self._family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        assert not still_there(self._family)


def runs(ground: Ground, job: str, iteration: str) -> list[str]:
    """How the runs of a job stand, newest first."""
    with dg.DagsterInstance.from_config(str(ground.home)) as instance:
        wanted = dg.RunsFilter(job_name=job, tags={PARTITION_TAG: iteration})
        return [run.status.value for run in instance.get_runs(wanted)]


def wait_for(ground: Ground, job: str, iteration: str, seconds: float) -> None:
    """Until a job has succeeded."""
    wait_until(lambda: "SUCCESS" in runs(ground, job, iteration), seconds)


def kill_run(ground: Ground, job: str, iteration: str) -> None:
    """`kill -9` of the process of the run that is under way."""
    with dg.DagsterInstance.from_config(str(ground.home)) as instance:
        wanted = dg.RunsFilter(job_name=job, tags={PARTITION_TAG: iteration}, statuses=[dg.DagsterRunStatus.STARTED])
        (run,) = instance.get_runs(wanted)
    process = psutil.Process(int(run.tags[PROCESS_TAG].rsplit(":", 2)[1]))
    process.kill()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


def _session(process: psutil.Process) -> int:
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return 0
