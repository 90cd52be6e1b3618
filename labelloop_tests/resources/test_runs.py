"""Who is at work, what was tried, and runs whose process is gone."""

import platform
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import StepSuccessData
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from labelloop.adapters.files.home import Home
from labelloop.adapters.liveness import identity
from labelloop.core.decision import Outcome
from labelloop.core.errors import ModelError
from labelloop.core.vocabulary import HOLDOUT, JobName
from labelloop.resources import runs
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.runs import PARTITION_TAG, PROCESS_TAG, REQUEST_TAG, RunLog, report_dead_runs, stage_lock
from labelloop.resources.stage import stage
from labelloop_tests.elsewhere import line, start

NOW = dg.DagsterRunStatus
HOLD = """
import sys
from pathlib import Path
from labelloop.adapters.files import locks
with locks.exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as one:
        yield one


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, tmp_path / ".labelloop", tmp_path)


@dg.op
def nothing() -> None: ...


def add(instance, status=NOW.STARTED, job="label_loop", batch="v0", **tags):
    """A run in this state, without anything being run."""
    definition = dg.GraphDefinition(job, node_defs=[nothing]).to_job()
    tags |= {PARTITION_TAG: batch} if batch else {}
    place = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="labelloop.definitions"), location_name="here")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(place, "__repository__"), job)
    return instance.create_run_for_job(definition, tags=tags, status=status, remote_job_origin=origin)


def step_event(kind: str) -> dg.DagsterEvent:
    """What Dagster writes when a step begins, ends or fails."""
    data = {"STEP_SUCCESS": StepSuccessData(1.0), "STEP_FAILURE": StepFailureData(None, None)}.get(kind)
    return dg.DagsterEvent(kind, "label_loop", step_key="nothing", event_specific_data=data)


def status_of(instance, run):
    return instance.get_run_by_id(run.run_id).status


@pytest.fixture
def gone() -> str:
    """A process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        return identity(process.pid)


# -- dead runs ------------------------------------------------------------------------------------------------


def test_a_run_whose_process_is_gone_is_reported_failed_once(instance, gone) -> None:
    run = add(instance, **{PROCESS_TAG: gone})
    (told,) = report_dead_runs(instance)
    assert told.startswith(f"run {run.run_id[:8]} of label_loop v0 is over: The process {gone.split(':')[1]}")
    assert status_of(instance, run) is NOW.FAILURE
    assert report_dead_runs(instance) == []


def test_a_run_that_was_told_to_stop_and_is_gone_is_cancelled(instance, gone) -> None:
    run = add(instance, NOW.CANCELING, **{PROCESS_TAG: gone})
    assert len(report_dead_runs(instance)) == 1
    assert status_of(instance, run) is NOW.CANCELED


def test_a_run_whose_process_lives_is_left_alone(instance) -> None:
    run = add(instance, **{PROCESS_TAG: identity()})
    assert report_dead_runs(instance) == []
    assert status_of(instance, run) is NOW.STARTED


def test_a_number_that_another_process_has_by_now_is_a_process_that_is_gone(instance) -> None:
    node, pid, started = identity().rsplit(":", 2)
    add(instance, **{PROCESS_TAG: f"{node}:{pid}:{float(started) - 60:.2f}"})
    assert len(report_dead_runs(instance)) == 1


def test_runs_of_another_machine_are_left_alone(instance, gone) -> None:
    add(instance, **{PROCESS_TAG: gone.replace(platform.node(), "elsewhere", 1)})
    assert report_dead_runs(instance) == []


@pytest.mark.parametrize("status", [NOW.NOT_STARTED, NOW.STARTING, NOW.STARTED])
def test_a_run_that_never_came_to_work_is_reported_after_a_while(instance, monkeypatch, status) -> None:
    run = add(instance, status)
    assert report_dead_runs(instance) == []
    monkeypatch.setattr(runs, "LONGEST_START", timedelta(0))
    assert "It did not begin to work" in report_dead_runs(instance)[0]
    assert status_of(instance, run) is NOW.FAILURE


def test_a_run_without_a_process_is_left_alone_when_it_works_or_is_not_ours(instance, monkeypatch) -> None:
    monkeypatch.setattr(runs, "LONGEST_START", timedelta(0))
    add(instance, job="somebody_elses_job")
    run = add(instance)
    event = dg.DagsterEvent("STEP_START", "label_loop", step_key="nothing")
    instance.report_dagster_event(event, run.run_id)
    assert report_dead_runs(instance) == []


def test_a_run_may_wait_in_the_queue_for_ever(instance, monkeypatch) -> None:
    monkeypatch.setattr(runs, "LONGEST_START", timedelta(0))
    add(instance, NOW.QUEUED)
    assert report_dead_runs(instance) == []


@pytest.mark.parametrize("status", [NOW.SUCCESS, NOW.FAILURE, NOW.CANCELED])
def test_runs_that_have_ended_stay_as_they_are(instance, gone, status) -> None:
    run = add(instance, status, **{PROCESS_TAG: gone})
    assert report_dead_runs(instance) == []
    assert status_of(instance, run) is status


# -- who is at work -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [NOW.QUEUED, NOW.NOT_STARTED, NOW.STARTING, NOW.STARTED, NOW.CANCELING])
def test_a_run_on_its_way_is_at_all_work_of_its_iteration(instance, home, status) -> None:
    run = add(instance, status, job="take_batch")
    busy = RunLog(instance, home).busy(JobName.LABEL_LOOP, "v0")
    assert busy == f"run {run.run_id[:8]} of take_batch is {status.value.lower()}"
    assert RunLog(instance, home).busy(JobName.LABEL_LOOP, "v1") == ""


@pytest.mark.parametrize("status", [NOW.SUCCESS, NOW.FAILURE, NOW.CANCELED])
def test_a_run_that_has_ended_is_at_nothing(instance, home, status) -> None:
    add(instance, status)
    assert RunLog(instance, home).busy(JobName.LABEL_LOOP, "v0") == ""


@pytest.mark.parametrize(
    ("events", "process", "goes_on"),
    [
        (["STEP_START"], "here", True),
        (["STEP_START", "STEP_SUCCESS"], "here", True),
        (["STEP_START"], "gone", False),
        (["STEP_START"], "elsewhere", False),
        (["STEP_START", "STEP_FAILURE"], "here", False),
        ([], "here", False),
    ],
    ids=["in a step", "between two", "process gone", "another machine", "failed by itself", "never began"],
)
def test_a_run_that_two_daemons_started_goes_on_though_it_is_called_failed(
    instance, home, gone, events, process, goes_on
) -> None:
    told = {"here": identity(), "gone": gone, "elsewhere": f"elsewhere:{identity().split(':', 1)[1]}"}[process]
    run = add(instance, **{PROCESS_TAG: told})
    for event in events:
        instance.report_dagster_event(step_event(event), run.run_id)
    instance.report_run_failed(run, "The other of its processes has ended.")
    busy = RunLog(instance, home).busy(JobName.LABEL_LOOP, "v0")
    assert busy == (f"run {run.run_id[:8]} of label_loop is at work, though Dagster calls it failed" if goes_on else "")


def test_work_of_no_iteration_is_known_by_its_job(instance, home) -> None:
    add(instance, job="take_holdout", batch="")
    assert RunLog(instance, home).busy(JobName.TAKE_HOLDOUT, HOLDOUT)
    assert RunLog(instance, home).busy(JobName.SEND_HOLDOUT, HOLDOUT) == ""
    assert RunLog(instance, home).busy(JobName.LABEL_LOOP, "v0") == ""


def test_another_process_that_holds_a_lock_is_at_work_until_it_dies(instance, home) -> None:
    with start(HOLD, home.lock(stage_lock("trained_model", "v0"))) as other:
        assert line(other) == "held"
        log = RunLog(instance, home)
        assert log.busy(JobName.LABEL_LOOP, "v0") == f"process {other.pid} is at trained_model"
        assert log.busy(JobName.NEXT_BATCH, "v0") == log.busy(JobName.LABEL_LOOP, "v1") == ""
        other.kill()
        other.wait()
        assert log.busy(JobName.LABEL_LOOP, "v0") == ""


# -- what was tried -------------------------------------------------------------------------------------------


def test_what_was_tried_is_told_newest_first_for_one_job_and_batch(instance, home) -> None:
    add(instance, NOW.FAILURE, **{REQUEST_TAG: "v0@r1"})
    add(instance, NOW.CANCELED, **{REQUEST_TAG: "v0@r1"})
    add(instance, NOW.SUCCESS)
    add(instance, NOW.STARTED)
    add(instance, NOW.FAILURE, batch="v1")
    add(instance, NOW.FAILURE, job="take_batch")
    past = RunLog(instance, home).past(JobName.LABEL_LOOP, "v0")
    assert [(run.outcome, run.request) for run in past] == [
        (Outcome.SUCCEEDED, ""), (Outcome.CANCELLED, "v0@r1"), (Outcome.FAILED, "v0@r1"),
    ]  # fmt: skip
    assert RunLog(instance, home).count(JobName.LABEL_LOOP, "v0@r1") == 2


def test_a_run_that_another_daemon_starts_meanwhile_has_the_number_that_this_one_would_give(instance, home) -> None:
    add(instance, NOW.FAILURE, **{REQUEST_TAG: "v0@r1"})
    log = RunLog(instance, home)
    add(instance, NOW.SUCCESS, **{REQUEST_TAG: "v0@r1"})
    assert log.count(JobName.LABEL_LOOP, "v0@r1") == 1
    assert RunLog(instance, home).count(JobName.LABEL_LOOP, "v0@r1") == 2


def test_of_two_daemons_one_may_request_a_run_and_the_other_when_that_came_to_nothing(
    instance, home, monkeypatch
) -> None:
    one, other = RunLog(instance, home), RunLog(instance, home)
    assert one.claim("label_loop v0@r1#1")
    assert not other.claim("label_loop v0@r1#1")
    assert other.claim("label_loop v0@r1#2")
    assert not one.claim("label_loop v0@r1#2")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + runs.CLAIM_SECONDS)
    assert other.claim("label_loop v0@r1#1")
    monkeypatch.setattr(time, "time", lambda: now - 1000)  # a clock that was set back holds nothing up
    assert one.claim("label_loop v0@r1#1")


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        (["STEP_START"], Outcome.DIED),
        (["STEP_START", "STEP_SUCCESS"], Outcome.FAILED),
        ([], Outcome.FAILED),
    ],
    ids=["in a step", "between two", "before the first"],
)
def test_a_run_that_failed_in_the_middle_of_a_step_was_killed(instance, home, gone, events, outcome) -> None:
    run = add(instance, **{PROCESS_TAG: gone})
    for event in events:
        instance.report_dagster_event(step_event(event), run.run_id)
    assert len(report_dead_runs(instance)) == 1
    (past,) = RunLog(instance, home).past(JobName.LABEL_LOOP, "v0")
    assert past.outcome is outcome


def test_a_run_whose_step_failed_was_not_killed(instance, home, project) -> None:
    @dg.asset
    @stage
    def trained_model(context: dg.AssetExecutionContext, project: ProjectResource) -> None:
        raise ModelError("no weights")

    job = dg.define_asset_job("label_loop", [trained_model])
    definitions = dg.Definitions([trained_model], jobs=[job], resources={"project": project})
    definitions.get_job_def("label_loop").execute_in_process(
        instance=instance, tags={PARTITION_TAG: "v0"}, raise_on_error=False
    )
    assert [past.outcome for past in RunLog(instance, home).past(JobName.LABEL_LOOP, "v0")] == [Outcome.FAILED]


# -- what a stage does ----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> ProjectResource:
    (tmp_path / "labelloop.yaml").write_text("name: x\n")
    (tmp_path / ".labelloop").mkdir()
    return ProjectResource(config_path=str(tmp_path / "labelloop.yaml"))


def test_a_stage_holds_its_lock_and_its_run_tells_its_process(instance, project) -> None:
    seen = {}

    @dg.asset
    @stage
    def holdout_batch(context: dg.AssetExecutionContext, project: ProjectResource) -> None:
        now = project.current
        seen["tags"] = context.instance.get_run_by_id(context.run.run_id).tags
        seen["busy"] = RunLog(dg.DagsterInstance.ephemeral(), now.home).busy(JobName.SEND_HOLDOUT, HOLDOUT)

    assert dg.materialize([holdout_batch], instance=instance, resources={"project": project}).success
    assert seen["tags"][PROCESS_TAG] == identity()
    assert "is at holdout_batch" in seen["busy"]
    assert RunLog(dg.DagsterInstance.ephemeral(), project.current.home).busy(JobName.SEND_HOLDOUT, HOLDOUT) == ""


def test_a_run_first_ends_those_that_were_killed(instance, project, gone) -> None:
    run = add(instance, **{PROCESS_TAG: gone})

    @dg.asset
    @stage
    def holdout_batch(context: dg.AssetExecutionContext, project: ProjectResource) -> None: ...

    assert dg.materialize([holdout_batch], instance=instance, resources={"project": project}).success
    assert status_of(instance, run) is NOW.FAILURE


def test_an_iteration_that_dagster_has_not_heard_of_is_registered_when_the_project_has_it(instance, project) -> None:
    partitions = dg.DynamicPartitionsDefinition(name="iteration")

    @dg.asset(partitions_def=partitions)
    @stage
    def annotated_batch(context: dg.AssetExecutionContext, project: ProjectResource) -> None:
        assert context.partition_key

    def run(iteration: str) -> bool:
        job = dg.define_asset_job("one", [annotated_batch])
        definitions = dg.Definitions([annotated_batch], jobs=[job], resources={"project": project})
        done = definitions.get_job_def("one").execute_in_process(
            instance=instance, tags={PARTITION_TAG: iteration}, raise_on_error=False
        )
        return done.success

    Project(Path(project.config_path)).ledger.write("batches", "v0", {"rows": []})
    assert run("v0")
    assert not run("v7")
    assert instance.get_dynamic_partitions("iteration") == ["v0"]
