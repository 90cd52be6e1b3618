"""What Dagster and the locks of the home know about runs, and the end of runs whose process is gone."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property

import dagster as dg

from labelloop.adapters.files import atomic, locks
from labelloop.adapters.files.home import Home
from labelloop.adapters.liveness import identity, is_alive, is_gone
from labelloop.core.decision import Outcome, PastRun
from labelloop.core.vocabulary import STEPS, UNPARTITIONED, JobName

PARTITION_TAG = "dagster/partition"
PROCESS_TAG = "labelloop/process"
REQUEST_TAG = "labelloop/request"

WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.MANAGED]
BEGUN = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
OUTCOMES = {
    dg.DagsterRunStatus.SUCCESS: Outcome.SUCCEEDED,
    dg.DagsterRunStatus.FAILURE: Outcome.FAILED,
    dg.DagsterRunStatus.CANCELED: Outcome.CANCELLED,
}
STILL_GOING = "at work, though Dagster calls it failed"
FAILED_STEP = "FAILURE"
CLAIM_SECONDS = 60.0  # in which Dagster makes a run that was asked for
LOOKED_BACK = 20  # ended runs of one job and batch
# Dagster itself gives a run three minutes to start; one that a terminal began has nobody to watch it.
LONGEST_START = timedelta(minutes=5)


class RunLog:
    """Runs of a project: those that Dagster lists, and work that holds a lock of the home."""

    def __init__(self, instance: dg.DagsterInstance, home: Home) -> None:
        self._instance = instance
        self._home = home
        newest = instance.get_run_records(limit=1)
        self._newest = newest[0].storage_id if newest else 0

    def busy(self, job: JobName, batch: str) -> str:
        """Who is at this work, in words; any run of an iteration is at all of it."""
        for run in self._unfinished:
            if run.job_name == job if batch in UNPARTITIONED else run.tags.get(PARTITION_TAG) == batch:
                stands = STILL_GOING if run.status in OUTCOMES else run.status.value.lower()
                return f"run {run.run_id[:8]} of {run.job_name} is {stands}"
        for step in STEPS[job]:
            path = self._home.lock(stage_lock(step, batch))
            if locks.is_held(path):
                return f"process {locks.holder(path) or 'unknown'} is at {step}"
        return ""

    def past(self, job: JobName, batch: str) -> Sequence[PastRun]:
        """Runs of a job for a batch that have ended, newest first."""
        partition = {} if batch in UNPARTITIONED else {PARTITION_TAG: batch}
        wanted = dg.RunsFilter(job_name=job.value, tags=partition, statuses=list(OUTCOMES))
        runs = self._instance.get_runs(wanted, limit=LOOKED_BACK)
        return [PastRun(run.run_id, run.tags.get(REQUEST_TAG, ""), self._outcome(run)) for run in runs]

    def count(self, job: JobName, request: str) -> int:
        """How many runs there were for a request when this log was opened.

        What another daemon has started since is not counted: with its number Dagster knows the run to be the same.
        """
        wanted = dg.RunsFilter(job_name=job.value, tags={REQUEST_TAG: request})
        return sum(record.storage_id <= self._newest for record in self._instance.get_run_records(wanted))

    def claim(self, run: str) -> bool:
        """Whether a run may be requested now: not where another daemon has asked for it a moment ago.

        Dagster looks for a run of the same key first and makes one after: two daemons would both find none.
        """
        path, now = self._home.root / "requests.json", time.time()
        with locks.exclusive(self._home.lock("requests")):
            asked = atomic.read_json(path, "") if path.is_file() else {}
            fresh = {name: when for name, when in asked.items() if 0 <= now - when < CLAIM_SECONDS}
            if run in fresh:
                return False
            atomic.write_json(path, fresh | {run: now})
        return True

    def _outcome(self, run: dg.DagsterRun) -> Outcome:
        """How a run ended: one that failed with a step begun and not ended did not end by itself."""
        outcome = OUTCOMES[run.status]
        if outcome is not Outcome.FAILED:
            return outcome
        steps = self._instance.get_run_step_stats(run.run_id)
        return Outcome.DIED if any(step.start_time and not step.end_time for step in steps) else outcome

    @cached_property
    def _unfinished(self) -> Sequence[dg.DagsterRun]:
        failed = self._instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]), limit=LOOKED_BACK)
        going_on = [run for run in failed if self._goes_on(run)]
        return [*self._instance.get_runs(dg.RunsFilter(statuses=[*WAITING, *BEGUN])), *going_on]

    def _goes_on(self, run: dg.DagsterRun) -> bool:
        """Whether a run that is called failed works on all the same.

        Two daemons may start one run at the same moment. Of its two processes one steps back, and Dagster takes its end
        for that of the run.
        """
        if not is_alive(run.tags.get(PROCESS_TAG, "")):
            return False
        steps = self._instance.get_run_step_stats(run.run_id)
        return bool(steps) and not any(step.status and step.status.value == FAILED_STEP for step in steps)


def stage_lock(step: str, batch: str = "") -> str:
    """Name of the lock that a step holds while it runs."""
    return f"stages/{step}" if batch in ("", *UNPARTITIONED) else f"stages/{step}-{batch}"


def record_process(instance: dg.DagsterInstance, run_id: str) -> None:
    """Tell in a tag of the run which process it is, so that its death can be noticed."""
    instance.add_run_tags(run_id, {PROCESS_TAG: identity()})


def report_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """End the runs whose process is gone, which Dagster would show as running for ever; a sentence for each.

    Runs of other machines, and of other code in the same Dagster instance, are left alone.
    """
    told = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=BEGUN)):
        run, why = record.dagster_run, _death(instance, record)
        if not why:
            continue
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, f"{why}, after it was told to stop.")
        else:
            instance.report_run_failed(run, f"{why}. What was written before stays: the same run again goes on there.")
        name = f"{run.job_name} {run.tags.get(PARTITION_TAG, '')}".strip()
        told.append(f"run {run.run_id[:8]} of {name} is over: {why}")
    return told


def _death(instance: dg.DagsterInstance, record: dg.RunRecord) -> str:
    """Why a run cannot be running any more; empty if it can."""
    run = record.dagster_run
    process = run.tags.get(PROCESS_TAG)
    if process:
        return f"The process {process.rsplit(':', 2)[1]} that ran it is gone" if is_gone(process) else ""
    late = datetime.now(UTC) - record.create_timestamp > LONGEST_START
    # A run tells its process before its first step, so one with steps and no process is not of this code.
    if late and run.job_name in set(JobName) and not instance.get_run_step_stats(run.run_id):
        return f"It did not begin to work in {LONGEST_START.seconds // 60} minutes"
    return ""
