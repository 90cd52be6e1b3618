"""The next batch: v0 when the pool is scored, the others when one was selected."""

from pathlib import Path

import dagster as dg

from labelloop.core.waiting import before_annotation
from labelloop.jobs import next_batch, send_holdout, send_relabel
from labelloop.resources.project import ProjectResource
from labelloop.sensors.looking import look_at_loop
from labelloop.sensors.tick import interval, tick


@dg.sensor(
    jobs=[next_batch, send_holdout, send_relabel],
    minimum_interval_seconds=interval(Path.cwd()),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests next_batch: v0 when the pool is scored (loop.autostart), v(N+1) when vN has selected it and "
    "no stopping rule holds. In the sandbox the hold-out is sent as well, and everywhere the images of relabel_for.",
)
def next_iteration(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult | dg.SkipReason:
    """Send what is chosen, and the hold-out of a sandbox; the files of the home decide, CVAT is not asked."""
    return tick(context, project, lambda now, runs: (before_annotation(look_at_loop(now), runs), None))
