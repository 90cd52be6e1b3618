"""The Dagster home of the project: named, opened, and rid of runs whose process is gone."""

from collections.abc import Iterator

from labelloop.adapters.dagster_servers import dagster_home
from labelloop.adapters.files.home import Home
from labelloop.cli.doctor.surroundings import Surroundings
from labelloop.cli.instance import instance_of
from labelloop.cli.state import in_flight
from labelloop.core.diagnosis import judge_dagster_home
from labelloop.core.findings import Finding, missing, ok, warning
from labelloop.resources.runs import report_dead_runs

DAGSTER_HOME = "DAGSTER_HOME"


def dagster(around: Surroundings) -> Iterator[Finding]:
    """Whether Dagster keeps the runs of this project where labelloop looks for them, and can."""
    if around.home is None:
        return
    yield judge_dagster_home(*_dagster_home(around), str(dagster_home(around.home)))
    if not (dagster_home(around.home) / "dagster.yaml").is_file():
        yield missing("Dagster", f"{dagster_home(around.home)} holds no dagster.yaml", "Run `labelloop init`.")
        return
    yield from _runs(around.home)


def _dagster_home(around: Surroundings) -> tuple[str, str]:
    """What DAGSTER_HOME is for Dagster in this folder, and who says so: `.env` is read where nothing is set."""
    if around.environ.get(DAGSTER_HOME):
        return around.environ[DAGSTER_HOME], "environment"
    path = around.folder / ".env"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    named = [line.partition("=")[2].strip("\"' ") for line in lines if line.startswith(f"{DAGSTER_HOME}=")]
    return (named[-1] if named else ""), str(path)


def _runs(home: Home) -> Iterator[Finding]:
    with instance_of(home) as instance:
        dead, running, every = report_dead_runs(instance), in_flight(instance), instance.get_runs_count()
    for told in dead:
        yield warning("Dagster", told, "It is ended now; start the same job again, it goes on where it was.")
    if not dead:
        yield ok("Dagster", f"{every} runs, {len(running)} of them in flight")
