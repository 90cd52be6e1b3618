"""CVAT: who we are there, what it sees of the project, and what differs from the schema."""

from collections import Counter
from collections.abc import Iterator, Sequence

from labelloop.adapters import sandbox_server
from labelloop.adapters.cvat.access import CvatAccess, access_from_environment, access_from_file
from labelloop.adapters.cvat.client import CvatServer, connect
from labelloop.adapters.cvat.projects import find_project, look_for_project
from labelloop.adapters.cvat.pull import TaskSummary, tasks_of_people, tasks_of_project
from labelloop.adapters.files.home import Home
from labelloop.adapters.files.ledger import Ledger
from labelloop.cli.doctor.surroundings import Surroundings
from labelloop.core.diagnosis import judge_cvat_versions, judge_labels
from labelloop.core.errors import ConfigError
from labelloop.core.findings import Finding, ok, warning
from labelloop.settings.model import Settings

SECONDS = 10.0


def cvat(around: Surroundings) -> Iterator[Finding]:
    """The server people label on; the sandbox's is looked at only where it runs, for nothing is started."""
    settings, home = around.settings, around.home
    if settings is not None and settings.in_app and not settings.annotation.pull_project:
        yield ok("CVAT", "not needed: people draw in the App (annotation.backend: fiftyone)")
        return
    if settings is not None and home is not None and settings.sandbox == "replay":
        if sandbox_server.owned(home).port() is None:
            yield ok("CVAT", "the sandbox stands in for it; it does not run now, `labelloop up` starts it")
            return
        access = access_from_file(sandbox_server.data_folder(home) / "credentials.json")
    else:
        try:
            access = access_from_environment(around.environ, settings.annotation.organization if settings else "")
        except ConfigError as error:
            if settings is not None:
                raise
            yield warning("CVAT", error.what, error.remedy)
            return
    server = connect(access, timeout_s=SECONDS)
    yield from _login(server, access)
    if settings is not None and home is not None:
        yield from _loop_project(server, settings, home)
        yield from _pull_project(server, settings)


def _login(server: CvatServer, access: CvatAccess) -> Iterator[Finding]:
    kind = "access token" if access.token else "password"
    name = server.get("/api/users/self", "asking who we are")["username"]
    place = f" in organization {access.organization}" if access.organization else ""
    yield ok("CVAT", f"{server.url}, logged in as {name} by {kind}{place}")
    versions = server.versions
    yield judge_cvat_versions(versions["server"], versions["sdk"], token=bool(access.token))


def _loop_project(server: CvatServer, settings: Settings, home: Home) -> Iterator[Finding]:
    if not settings.may_push:
        remedy = "Set annotation.push: true in labelloop.yaml when the loop may send images there."
        yield warning("CVAT push", "annotation.push is false: nothing is sent to this CVAT", remedy)
    project = look_for_project(server, settings.project_name)
    if project is None:
        yield ok("CVAT project", f"'{settings.project_name}' is not there yet; the first push makes it")
        return
    yield ok("CVAT project", f"{project.url}: {_told(tasks_of_project(server, project.id))}")
    yield judge_labels(list(project.label_ids), _classes(settings, home), project.name)


def _told(tasks: Sequence[TaskSummary]) -> str:
    """How many tasks there are, by subset and status."""
    by_kind = Counter((task.subset or "no subset", task.status) for task in tasks)
    kinds = ", ".join(f"{subset} {status} {count}" for (subset, status), count in sorted(by_kind.items()))
    return f"{len(tasks)} tasks" + (f" ({kinds})" if kinds else "")


def _classes(settings: Settings, home: Home) -> Sequence[str]:
    schema = Ledger(home).schema_or_none()
    return schema.classes if schema is not None else settings.classes


def _pull_project(server: CvatServer, settings: Settings) -> Iterator[Finding]:
    name = settings.annotation.pull_project
    if name:
        project = find_project(server, name)
        tasks = tasks_of_people(server, project.id)
        finished = sum(task.completed for task in tasks)
        told = f"{_told(tasks)} that labelloop did not make, {finished} of them finished"
        yield ok("CVAT pull project", f"{project.url}: {told}")
