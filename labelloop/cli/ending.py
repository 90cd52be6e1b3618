"""Runs of a daemon that is about to be stopped: cancelled, not failed, since nothing is wrong with them."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from labelloop.adapters.processes import OwnedServer
from labelloop.cli.instance import instance_of
from labelloop.resources.project import Project
from labelloop.resources.runs import PROCESS_TAG, report_dead_runs

WHY = "labelloop was stopped. The sensors start this again when it is up."


@contextmanager
def cancelling_runs_of(now: Project, daemon: OwnedServer) -> Iterator[None]:
    """Cancel the runs of a daemon that the block stops; runs of a terminal go on."""
    with instance_of(now.home) as instance:
        own = _own(instance, daemon)
        for run in own:
            instance.report_run_canceling(run, WHY)
        yield
        for run in own:
            # Most said it themselves when they were told to stop; one that had not begun could not.
            left = instance.get_run_by_id(run.run_id)
            if left is not None and not left.is_finished:
                instance.report_run_canceled(left, WHY)
        report_dead_runs(instance)


def _own(instance: dg.DagsterInstance, daemon: OwnedServer) -> list[dg.DagsterRun]:
    """Runs in a process of the daemon, and those it is starting: a terminal never leaves one in that state."""
    statuses = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    runs = instance.get_runs(dg.RunsFilter(statuses=statuses))
    pids = daemon.pids() if runs else set()
    return [run for run in runs if _is_in(run, pids)]


def _is_in(run: dg.DagsterRun, pids: set[int]) -> bool:
    told = run.tags.get(PROCESS_TAG)
    if told is None:
        return run.status is dg.DagsterRunStatus.STARTING
    return int(told.rsplit(":", 2)[1]) in pids
