"""`labelloop rebuild` and `labelloop reset`: making FiftyOne anew, and going back to an earlier iteration."""

from collections.abc import Callable

import dagster as dg

from labelloop.adapters import app_server
from labelloop.cli.instance import instance_of
from labelloop.cli.state import in_flight
from labelloop.core.errors import LabelloopError
from labelloop.core.vocabulary import iteration_number
from labelloop.resources import rebuild as rebuilding
from labelloop.resources import reset as resetting
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.project import Project
from labelloop.resources.runs import report_dead_runs

Say = Callable[[str], None]
Agree = Callable[[str], bool]


def rebuild(now: Project, say: Say) -> None:
    """Make the FiftyOne data set anew from the plain files."""
    count = rebuilding.rebuild(now, DatasetResource(), say)
    if app_server.owned(now.home).port() is not None:
        # It remembers the data set that is gone. Whoever serves it remains its client.
        app_server.shut_down(now.home)
        app_server.ensure(now.home, now.config, now.settings.name)
    say(f"data set '{now.settings.name}' holds {count} samples again, as the files say")


def reset(now: Project, first: str, say: Say, *, agreed: bool | Agree) -> None:
    """Archive an iteration and all later ones, and make FiftyOne anew.

    Raises:
        LabelError: If `first` is not an iteration.
        LabelloopError: If a run is in flight.
    """
    iteration_number(first)
    iterations = resetting.iterations_from(now, first)
    with instance_of(now.home) as instance:
        _require_quiet(instance)
        if not iterations:
            say(f"there is nothing from {first} on")
            return
        if not (agreed if isinstance(agreed, bool) else agreed(_question(iterations))):
            say("nothing was changed")
            return
        with resetting.nobody_at_work(now, iterations):
            if resetting.tasks_in_cvat(now, iterations):
                resetting.retire_tasks(now, CvatResource().server(now), iterations, say)
            resetting.keep_drawings(now, iterations)
            resetting.forget_partitions(instance, first)
            say(f"files of {', '.join(iterations)} are in {resetting.archive(now, first)}")
            rebuild(now, say)


def _question(iterations: list[str]) -> str:
    return f"Archive {', '.join(iterations)}, rename their CVAT tasks, and make the FiftyOne data set anew?"


def _require_quiet(instance: dg.DagsterInstance) -> None:
    report_dead_runs(instance)
    running = [f"{run['job']} {run['partition']}".strip() for run in in_flight(instance)]
    if running:
        raise LabelloopError(f"Runs are in flight: {', '.join(running)}", "Wait for them, or terminate them first.")
