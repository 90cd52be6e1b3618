"""What every tick shares: dead runs are ended first, decisions become requests, a skip reason, or a red tick."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg

from labelloop.core.decision import Act, Decision
from labelloop.core.errors import CvatUnreachableError, DatabaseBusyError, LabelloopError, StuckError
from labelloop.core.vocabulary import UNPARTITIONED
from labelloop.partitions import ITERATIONS
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.runs import REQUEST_TAG, RunLog, report_dead_runs
from labelloop.settings.yaml_file import find_config, load_settings

# Dagster looks every 5 seconds, and passes over a sensor that asks for 5 and was seen a moment less ago.
SANDBOX_SECONDS = 4
SECONDS = 30

Look = Callable[[Project, RunLog], tuple[Sequence[Decision], str | None]]


def interval(folder: Path) -> int:
    """Seconds between two ticks of a sensor; a `labelloop.yaml` that cannot be read is told by the ticks."""
    try:
        sandbox = load_settings(find_config(folder)).sandbox != "off"
    except LabelloopError:
        return SECONDS
    return SANDBOX_SECONDS if sandbox else SECONDS


def tick(context: dg.SensorEvaluationContext, project: ProjectResource, look: Look) -> dg.SensorResult | dg.SkipReason:
    """Look, decide, and answer Dagster; `look` returns the decisions and the new cursor.

    Raises:
        LabelloopError: If something is wrong that no later tick would find mended by itself.
    """
    for told in report_dead_runs(context.instance):
        context.log.warning(told)
    now = project.current
    runs = RunLog(context.instance, now.home)
    try:
        decisions, cursor = look(now, runs)
    except (CvatUnreachableError, DatabaseBusyError) as error:
        return dg.SkipReason(str(error))
    return _answer(context, [_claimed(decision, runs) for decision in decisions], cursor)


def _claimed(decision: Decision, runs: RunLog) -> Decision:
    if decision.act is not Act.REQUEST or runs.claim(f"{decision.job} {decision.run_key}"):
        return decision
    return replace(decision, act=Act.WAIT, why=f"{decision.batch}: {decision.job} was requested a moment ago")


def _answer(context: dg.SensorEvaluationContext, decisions: Sequence[Decision], cursor: str | None) -> dg.SensorResult:
    """Requests come first: what is stuck turns the next tick red, and must not hold up what is not."""
    requests = [decision for decision in decisions if decision.act is Act.REQUEST]
    stuck = [decision.why for decision in decisions if decision.act is Act.ALARM]
    if stuck and not requests:
        raise StuckError("; ".join(stuck))
    if not requests:
        return dg.SensorResult(skip_reason="; ".join(decision.why for decision in decisions), cursor=cursor)
    for decision in requests:
        context.log.info(f"{decision.job} of {decision.batch} is requested: {decision.why}")
    return dg.SensorResult(
        run_requests=[_run(decision) for decision in requests],
        dynamic_partitions_requests=_new_partitions(context.instance, requests),
        cursor=cursor,
    )


def _run(decision: Decision) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=decision.run_key,
        job_name=str(decision.job),
        partition_key=_iteration(decision),
        tags={REQUEST_TAG: decision.request},
    )


def _iteration(decision: Decision) -> str | None:
    return None if decision.batch in UNPARTITIONED else decision.batch


def _new_partitions(instance: dg.DagsterInstance, requests: Sequence[Decision]) -> list[dg.AddDynamicPartitionsRequest]:
    """Iterations that this Dagster has not heard of: new ones, and those of runs under another instance."""
    name = str(ITERATIONS.name)
    keys = [iteration for request in requests if (iteration := _iteration(request)) is not None]
    fresh = [key for key in keys if not instance.has_dynamic_partition(name, key)]
    return [ITERATIONS.build_add_request(fresh)] if fresh else []
