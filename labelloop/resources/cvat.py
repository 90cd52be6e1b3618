"""The round trip of a batch: images out to people, annotations back, idempotent in both directions.

Out means to CVAT tasks, or to a view of the App (`resources.app`): labelloop.yaml says which for a new batch, and a
batch that was sent stays where it was sent.
"""

import os
from collections.abc import Callable, Sequence

import dagster as dg
import pandas as pd

from labelloop.adapters import dagster_servers, sandbox_server
from labelloop.adapters.cvat import access, assign, client, projects, pull, push
from labelloop.core.annotation import TaskContent, TaskProgress
from labelloop.core.errors import ConfigError, CvatError, CvatUnreachableError, MissingStateError
from labelloop.core.schema import Schema
from labelloop.resources import app, cutting, half_written, outgoing
from labelloop.resources.project import Project

TICK_TIMEOUT_S = 10.0  # Dagster gives up on a tick after a minute
Log = Callable[[str], None]


class CvatResource(dg.ConfigurableResource):
    """One long-lived connection to the CVAT of the project: the sandbox's own, or the one of the environment."""

    timeout_s: float = 60.0

    def server(self, project: Project) -> client.CvatServer:
        """The connected server; the sandbox's is started when it is not running, also by the next try of a step.

        Raises:
            CvatLoginError: If credentials are missing or wrong.
            CvatUnreachableError: If the server does not answer.
        """
        return client.connect(_access(project), timeout_s=self.timeout_s)

    def watched(self, project: Project) -> client.CvatServer:
        """The connection of a sensor's tick, which must not wait long.

        A sandbox that is down is started, but what it needs to come up is left to the next tick.

        Raises:
            CvatUnreachableError: If the server does not answer, or was only just started.
        """
        if project.settings.sandbox == "replay" and sandbox_server.owned(project.home).port() is None:
            sandbox_server.ensure(project.home)
            raise CvatUnreachableError("The sandbox server was not running", "It was started just now.")
        return client.connect(_access(project), timeout_s=TICK_TIMEOUT_S)

    def send(self, project: Project, batch: str, manifest: pd.DataFrame, log: Log) -> dict:
        """Find or create the tasks of a batch and record them; sending twice has the effect of once.

        A batch for the App is not sent anywhere: it waits there.

        Raises:
            ConfigError: If the server is not the sandbox and `annotation.push` is false.
            MissingStateError: If an image is gone or damaged, or CVAT would not take it; nothing was sent then.
            CvatError: If a task does not hold what was sent, or the labels of the project or the assignees are others.
        """
        if app.is_in_app(project, batch):
            return app.send(project, batch, manifest, log)
        _require_permission(project, len(manifest))
        self.settle(project, batch)
        outgoing.refuse_unfit(project, batch, manifest["sample_id"])
        server, schema = self.server(project), project.ledger.schema()
        assignees = assign.find_users(server, project.settings.annotation.assignees)
        destination = projects.find_or_create_project(
            server,
            project.settings.project_name,
            outgoing.label_specs(project),
            renamed=schema.renamed,
            tracker=project.settings.annotation.bug_tracker or _tracker(project),
            owner=project.uuid,
        )
        specs = cutting.task_specs(project, server, destination, batch, manifest)
        before, turn = _versions_before(project, batch), outgoing.first_turn(batch)
        tasks = []
        for number, spec in enumerate(specs, start=1):
            log(f"task {number} of {len(specs)}: {len(spec.images)} images")
            ref = push.push_task(server, destination, spec)
            if assignees:
                turn += assign.assign_jobs(server, ref.task_id, assignees, turn)
            samples = {image.upload_name: image.sample_id for image in spec.images}
            record: dict = {"task_id": ref.task_id, "name": ref.name, "url": ref.url, "key": ref.key}
            record["subset"], record["frames"] = spec.subset, samples
            # What people can look for is what there was when they got the task; that it grew since is not told them.
            record["schema_version"] = before.get(ref.task_id) or _version_to_look_for(project, batch, schema)
            tasks.append(record)
        sent = {"project_id": destination.id, "project_url": destination.url, "tasks": tasks}
        project.ledger.write("tasks", batch, sent)
        half_written.forget_others(project, batch)
        return sent

    def settle(self, project: Project, batch: str) -> None:
        """Note what of a sending that broke off is on the server, before images are left out of the batch."""
        if not app.is_in_app(project, batch):
            cutting.settle(project, self.server, batch)

    def progress(self, project: Project, batch: str) -> list[TaskProgress]:
        """How far people are with the tasks of a batch."""
        if app.is_in_app(project, batch):
            return app.progress(project, batch)
        tasks = project.ledger.read("tasks", batch)["tasks"]
        return pull.progress(self.server(project), [task["task_id"] for task in tasks])

    def take(self, project: Project, batch: str, log: Log) -> list[TaskContent]:
        """The content of the finished tasks of a batch.

        Raises:
            MissingStateError: If people are not done; names the tasks and how far they are.
            CvatError: If a task was deleted on the server.
        """
        if app.is_in_app(project, batch):
            return app.take(project, batch, log)
        if project.ledger.is_being_rewritten(batch):
            raise MissingStateError(
                f"Only a part of {batch} was written to CVAT by `labelloop repush {batch}` or `labelloop restore`",
                "Run that command again.",
            )
        progress = self.progress(project, batch)
        require_complete(batch, progress)
        log(f"{batch}: {len(progress)} finished tasks")
        server = self.server(project)
        return [pull.content(server, task.task_id) for task in progress]


def require_complete(batch: str, progress: Sequence[TaskProgress]) -> None:
    """Refuse to take a batch back before every annotation job of it is done."""
    gone = [f"#{task.task_id}" for task in progress if not task.found]
    if gone:
        raise CvatError(
            f"The tasks {', '.join(gone)} of {batch} are no longer on the server",
            "Restore them in CVAT, or send the batch again (next_batch, send_holdout or final_evaluation).",
        )
    open_tasks = [task for task in progress if not task.completed]
    if open_tasks:
        state = "; ".join(f"{t.name} {t.jobs_completed} of {t.jobs_total} jobs, {t.url}" for t in open_tasks)
        raise MissingStateError(
            f"{batch} is not annotated yet: {state}",
            "Set every job to stage acceptance, state completed (in the sandbox: `labelloop sandbox annotate`).",
        )


def _versions_before(project: Project, batch: str) -> dict[int, int]:
    """Schema version of the tasks that were sent already, by the server's id."""
    tasks = (project.ledger.read_or_none("tasks", batch) or {"tasks": []})["tasks"]
    return {task["task_id"]: task["schema_version"] for task in tasks if "schema_version" in task}


def _version_to_look_for(project: Project, batch: str, schema: Schema) -> int:
    return int((project.ledger.read_or_none("batches", batch) or {}).get("schema_version", schema.version))


def _access(project: Project) -> access.CvatAccess:
    if project.settings.sandbox == "replay":
        return access.access_from_file(sandbox_server.ensure(project.home))
    return access.access_from_environment(os.environ, project.settings.annotation.organization)


def _tracker(project: Project) -> str:
    """What a new project links to: Dagster, in the sandbox. Others who share a CVAT cannot open this machine's UI."""
    return dagster_servers.asset_url(project.home, "batch") if project.settings.sandbox == "replay" else ""


def _require_permission(project: Project, images: int) -> None:
    if not project.settings.may_push:
        raise ConfigError(
            f"annotation.push is false, so {images} images were not sent to the CVAT project "
            f"'{project.settings.project_name}'",
            f"Set annotation.push: true in {project.config} to allow it.",
        )
