"""What every stage of the loop shares: nobody else is at it, and its errors reach the reader as one clear line."""

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg

from labelloop.core.errors import ConfigError, CvatUnreachableError, LabelloopError
from labelloop.core.vocabulary import ITERATION, iteration_number
from labelloop.resources.classes import take_over_classes
from labelloop.resources.project import ProjectResource
from labelloop.resources.runs import stage_lock

Body = TypeVar("Body", bound=Callable[..., Any])

OWNERS = ["team:vision"]

# CVAT hiccups pass: three more tries, the last one about a minute after the first.
CVAT_RETRIES = dg.RetryPolicy(max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def stage(body: Body) -> Body:
    """Wrap the body of an asset: expected errors become a `dg.Failure` whose first line says what and the remedy.

    A `RetryPolicy` applies only to a CVAT that did not answer; repeating anything else would only take time. While the
    body runs, it holds the lock of its name and iteration. Before, it takes over what is new under `classes` and
    `rename` in labelloop.yaml: whichever step comes next, the list is the same for all that follow.
    """

    @functools.wraps(body)
    def clear(context: Any, *args: Any, **kwargs: Any) -> Any:
        with _clear_errors(context, kwargs["project"]), _alone(context, body.__name__, kwargs["project"]):
            return body(context, *args, **kwargs)

    @functools.wraps(body)
    def clear_each(context: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with _clear_errors(context, kwargs["project"]), _alone(context, body.__name__, kwargs["project"]):
            yield from body(context, *args, **kwargs)

    # Dagster tells a body with several results by its being a generator function, so it has to stay one.
    return clear_each if inspect.isgeneratorfunction(body) else clear  # type: ignore[return-value]


@contextmanager
def _clear_errors(context: Any, project: ProjectResource) -> Iterator[None]:
    try:
        _require_dagster_home(context.instance, project)
        yield
    except LabelloopError as error:
        context.log.error(str(error))
        raise dg.Failure(str(error), allow_retries=isinstance(error, CvatUnreachableError)) from error


@contextmanager
def _alone(context: Any, step: str, project: ProjectResource) -> Iterator[None]:
    iteration = context.partition_key if context.has_partition_key else ""
    if iteration:
        iteration_number(iteration)  # names a file below, so it must be one
    now = project.current
    if iteration in now.ledger.iterations():
        # A Dagster home that is younger than the project has not heard of it, and could not store the result.
        context.instance.add_dynamic_partitions(ITERATION, [iteration])
    with now.alone(stage_lock(step, iteration), context.log.info):
        news = take_over_classes(now)
        if news:
            context.log.warning(news)
        yield


def _require_dagster_home(instance: dg.DagsterInstance, project: ProjectResource) -> None:
    """Dagster without a home works in a throw-away folder, and every iteration would be forgotten.

    That of another project, as a `.env` names it that was copied with its folder, would mix up their runs.
    """
    folder = os.environ.get("DAGSTER_HOME")
    if instance.is_ephemeral:
        return
    if folder and (Path(folder).parent / "dataset.json").is_file():
        own = project.current.home.root
        if Path(folder).parent.resolve() != own.resolve():
            raise ConfigError(
                f"DAGSTER_HOME is {folder}, which belongs to another project than {own}",
                "Run `labelloop status` in this folder, which corrects .env, and start Dagster here again.",
            )
    if not folder:
        raise ConfigError(
            "DAGSTER_HOME is not set, so Dagster would forget this run and its iterations",
            "Run `labelloop init`, which writes it to .env, and start Dagster in that folder.",
        )
