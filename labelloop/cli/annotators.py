"""The sandbox from the command line: its annotators and its server."""

from collections.abc import Callable

from labelloop.adapters import sandbox_server
from labelloop.adapters.cvat.projects import find_project
from labelloop.cli.app import wait
from labelloop.core.errors import ConfigError
from labelloop.resources import app
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.project import Project
from labelloop.sandbox.annotator import AnnotatedTask, HiddenTruth, annotate_open_tasks
from labelloop.sandbox.app_annotator import annotate_in_app

Say = Callable[[str], None]


def annotate(now: Project, say: Say) -> int:
    """Label all that waits, on the sandbox server or in the App, from the hidden labels of the source.

    Returns how many tasks there were; a batch in the App is one.

    Raises:
        ConfigError: If people annotate this project, not the sandbox.
    """
    if now.settings.sandbox == "off":
        raise ConfigError("sandbox is off in labelloop.yaml", "People annotate here, not the sandbox.")
    truth = HiddenTruth(now.ledger.source_labels(), frozenset(now.ledger.samples()["sample_id"]))
    done = _in_app(now, truth, say)
    if now.settings.has_sandbox_server:
        server = CvatResource().server(now)
        told_of = find_project(server, now.settings.project_name).label_ids
        done += annotate_open_tasks(
            server,
            now.settings.project_name,
            truth.speaking_of(told_of),
            now.settings.annotators,
            now.settings.seed,
            on_task=lambda task: say(told(task)),
        )
    return len(done)


def _in_app(now: Project, truth: HiddenTruth, say: Say) -> list[AnnotatedTask]:
    """Batch after batch; one of which nothing waits is passed over."""
    done = []
    for name in app.batches(now):
        waiting = app.waiting(now, name)
        if waiting:
            with DatasetResource().writing(now, say) as loop:
                classes, title = now.ledger.schema().classes, f"{now.settings.name} {name}"
                rates, seed = now.settings.annotators, now.settings.seed
                done.append(annotate_in_app(loop, title, waiting, truth, classes, rates, seed))
            say(told(done[-1]))
    return done


def told(task: AnnotatedTask) -> str:
    """What was done to a task."""
    where = f"in {task.jobs} jobs" if task.task_id else "in the App"
    return f"{task.name}: {task.images} images, {task.boxes} boxes {where}"


def serve(now: Project, say: Say) -> None:
    """Keep the sandbox server running and say where it is, until Ctrl-C.

    Raises:
        ConfigError: If people draw in the App, where no such server is needed.
    """
    if now.settings.in_app:
        raise ConfigError("annotation.backend is fiftyone", "People draw in the App: `labelloop app` opens it.")
    sandbox_server.ensure(now.home)
    say(f"http://127.0.0.1:{sandbox_server.owned(now.home).port()}")
    wait()
