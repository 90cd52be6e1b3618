import time

import dagster as dg
import pytest

from labelloop.cli.watch import RunWatch


@dg.op
def fine(context: dg.OpExecutionContext) -> None:
    context.log.info("half of it")


@dg.op
def wrong() -> None:
    raise dg.Failure("It broke. Mend it.\nAnd more about it.")


@dg.op
def unforeseen() -> None:
    raise ValueError("what?")


@dg.job
def going_well() -> None:
    fine()


@dg.job
def going_wrong() -> None:
    wrong()


@dg.job
def going_astray() -> None:
    unforeseen()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def run(job, instance):
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return job.execute_in_process(instance=instance, raise_on_error=False, run_config=quiet)


def test_a_step_is_told_once_with_its_time(instance):
    watch = RunWatch(instance, since=time.time() - 1)
    run(going_well, instance)
    (happening,) = watch.poll()
    assert (happening.step.name, happening.failed) == ("fine", "")
    assert 0 <= happening.seconds < 10
    assert watch.note == "half of it"
    assert watch.idle
    assert list(watch.poll()) == []


def test_a_failure_is_told_by_its_first_line(instance):
    watch = RunWatch(instance, since=time.time() - 1)
    run(going_wrong, instance)
    (happening,) = watch.poll()
    assert happening.failed == "It broke. Mend it."
    assert watch.failed == "wrong failed: It broke. Mend it."


def test_an_unforeseen_error_is_told_with_its_class(instance):
    watch = RunWatch(instance, since=time.time() - 1)
    run(going_astray, instance)
    list(watch.poll())
    assert "ValueError: what?" in watch.failed


def test_what_was_before_is_none_of_its_business(instance):
    run(going_wrong, instance)
    watch = RunWatch(instance, since=time.time() + 1)
    assert list(watch.poll()) == []
    assert watch.failed == ""
    assert watch.idle


def test_a_run_that_was_killed_is_broken_off_and_not_failed(instance):
    watch = RunWatch(instance, since=time.time() - 1)
    begun = instance.create_run_for_job(going_well, status=dg.DagsterRunStatus.STARTED)
    list(watch.poll())
    assert not watch.idle
    instance.report_run_failed(begun, "Its process is gone.")
    list(watch.poll())
    assert watch.broken == ["going_well"]
    assert watch.failed == ""
    assert watch.idle
