"""Finished tasks: labels are taken back, and the machine's part of the newest iteration begins."""

from pathlib import Path

import dagster as dg

from labelloop.core.decision import Decision, Runs
from labelloop.jobs import label_loop, score_again, take_batch, take_holdout, take_relabel
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project, ProjectResource
from labelloop.sensors.looking import Seen, after_looking, look_at_batches
from labelloop.sensors.tick import interval, tick


@dg.sensor(
    jobs=[label_loop, take_batch, take_holdout, take_relabel, score_again],
    minimum_interval_seconds=interval(Path.cwd()),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests label_loop when the newest batch and the hold-out are annotated in CVAT or the App, and "
    "takes labels again where a finished task was changed; models are measured again when val has changed.",
)
def cvat_tasks_completed(
    context: dg.SensorEvaluationContext, project: ProjectResource, cvat: CvatResource
) -> dg.SensorResult | dg.SkipReason:
    """Wait for the tasks of the newest batch and for val; take older batches and the hold-out again when they change.

    The cursor keeps when each task was changed last, so that only a task that was costs more than a look at a list.
    """

    def look(now: Project, runs: Runs) -> tuple[list[Decision], str]:
        seen = Seen.of(context.cursor)
        found = look_at_batches(now, cvat, seen)
        return after_looking(now, found, runs), seen.cursor()

    return tick(context, project, look)
