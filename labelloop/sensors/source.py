"""People's own CVAT project: what they finish there comes into the pool."""

from pathlib import Path

import dagster as dg

from labelloop.adapters.cvat.projects import find_project
from labelloop.core.decision import Decision, Runs, wait
from labelloop.core.waiting import after_pull
from labelloop.jobs import prepare_pool
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.source_pull import finished_and_taken
from labelloop.sensors.tick import interval, tick


@dg.sensor(
    job=prepare_pool,
    minimum_interval_seconds=interval(Path.cwd()),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests prepare_pool when the project annotation.pull_project has new or changed finished tasks.",
)
def cvat_project_updated(
    context: dg.SensorEvaluationContext, project: ProjectResource, cvat: CvatResource
) -> dg.SensorResult | dg.SkipReason:
    """Compare the finished tasks of the source project with those that were pulled."""
    return tick(context, project, lambda now, runs: ([_decide(now, cvat, runs)], None))


def _decide(now: Project, cvat: CvatResource, runs: Runs) -> Decision:
    name = now.settings.annotation.pull_project
    if not name:
        return wait("annotation.pull_project is empty: there is no CVAT project to pull from")
    server = cvat.watched(now)
    source = find_project(server, name)
    finished, taken = finished_and_taken(now, server, source)
    return after_pull(source.name, finished, taken, runs)
