"""People's own CVAT project: what they finish there comes into the pool."""

from pathlib import Path

import dagster as dg

from labelloop.adapters.cvat.projects import find_project
from labelloop.core.decision import Decision, Runs, wait
from labelloop.core.vocabulary import SOURCE
from labelloop.core.waiting import after_pull
from labelloop.jobs import prepare_pool
from labelloop.resources import half_written
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.source_pull import news_of
from labelloop.sensors.looking import Seen
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
    """Compare the finished tasks of the source project with those that were pulled; open ones with pull_unfinished.

    The cursor keeps which content was read at which date, so that a task is read again only when it was changed.
    """

    def look(now: Project, runs: Runs) -> tuple[list[Decision], str]:
        seen = Seen.of(context.cursor)
        return [_decide(now, cvat, seen, runs)], seen.cursor()

    return tick(context, project, look)


def _decide(now: Project, cvat: CvatResource, seen: Seen, runs: Runs) -> Decision:
    name = now.settings.annotation.pull_project
    if not name:
        return wait("annotation.pull_project is empty: there is no CVAT project to pull from")
    server = cvat.watched(now)
    source = find_project(server, name)
    half = half_written.unfinished(now, server, SOURCE)
    if half:
        named = ", ".join(f"#{task}" for task in half)
        return wait(
            f"`labelloop restore source` writes into {named} of {source.name}; where that broke off, run it again"
        )
    news, tasks = news_of(now, server, source, seen.read)
    counted = f"{tasks} tasks" if now.settings.annotation.pull_unfinished else f"{tasks} finished tasks"
    return after_pull(source.name, counted, news, runs)
