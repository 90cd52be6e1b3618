"""The sandbox from the command line: its annotators and its server."""

from collections.abc import Callable

from labelloop.adapters import sandbox_server
from labelloop.adapters.cvat.projects import find_project
from labelloop.cli.app import wait
from labelloop.core.errors import ConfigError
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project
from labelloop.sandbox.annotator import AnnotatedTask, HiddenTruth, annotate_open_tasks

Say = Callable[[str], None]


def annotate(now: Project, say: Say) -> int:
    """Complete every open task of the sandbox from the hidden labels of the source; returns how many there were.

    Raises:
        ConfigError: If people annotate this project, not the sandbox.
    """
    if now.settings.sandbox == "off":
        raise ConfigError("sandbox is off in labelloop.yaml", "People annotate here, not the sandbox.")
    truth = HiddenTruth(now.ledger.source_labels(), frozenset(now.ledger.samples()["sample_id"]))
    server = CvatResource().server(now)
    told_of = find_project(server, now.settings.project_name).label_ids
    done = annotate_open_tasks(
        server,
        now.settings.project_name,
        truth.speaking_of(told_of),
        now.settings.annotators,
        now.settings.seed,
        on_task=lambda task: say(told(task)),
    )
    return len(done)


def told(task: AnnotatedTask) -> str:
    """What was done to a task."""
    return f"{task.name}: {task.images} images, {task.boxes} boxes in {task.jobs} jobs"


def serve(now: Project, say: Say) -> None:
    """Keep the sandbox server running and say where it is, until Ctrl-C."""
    sandbox_server.ensure(now.home)
    say(f"http://127.0.0.1:{sandbox_server.owned(now.home).port()}")
    wait()
