"""What every stage of the loop shares: its errors reach the reader as one clear line, retried only where it helps."""

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import dagster as dg

from labelloop.core.errors import ConfigError, CvatUnreachableError, LabelloopError

Body = TypeVar("Body", bound=Callable[..., Any])

OWNERS = ["team:vision"]

# CVAT hiccups pass: three more tries, the last one about a minute after the first.
CVAT_RETRIES = dg.RetryPolicy(max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def stage(body: Body) -> Body:
    """Wrap the body of an asset: expected errors become a `dg.Failure` whose first line says what and the remedy.

    A `RetryPolicy` applies only to a CVAT that did not answer; repeating anything else would only take time.
    """

    @functools.wraps(body)
    def clear(context: Any, *args: Any, **kwargs: Any) -> Any:
        with _clear_errors(context):
            return body(context, *args, **kwargs)

    @functools.wraps(body)
    def clear_each(context: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with _clear_errors(context):
            yield from body(context, *args, **kwargs)

    # Dagster tells a body with several results by its being a generator function, so it has to stay one.
    return clear_each if inspect.isgeneratorfunction(body) else clear  # type: ignore[return-value]


@contextmanager
def _clear_errors(context: Any) -> Iterator[None]:
    try:
        _require_dagster_home(context.instance)
        yield
    except LabelloopError as error:
        context.log.error(str(error))
        raise dg.Failure(str(error), allow_retries=isinstance(error, CvatUnreachableError)) from error


def _require_dagster_home(instance: dg.DagsterInstance) -> None:
    """Dagster without a home works in a throw-away folder, and every iteration would be forgotten."""
    if not instance.is_ephemeral and not os.environ.get("DAGSTER_HOME"):
        raise ConfigError(
            "DAGSTER_HOME is not set, so Dagster would forget this run and its iterations",
            "Run `labelloop init`, which writes it to .env, and start Dagster in that folder.",
        )
