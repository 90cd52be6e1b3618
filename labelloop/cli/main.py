"""`labelloop`: thin commands; what they do is said in their help."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from labelloop.adapters import mongod, sandbox_server
from labelloop.cli import app as fiftyone_app
from labelloop.cli import init as initialise
from labelloop.core.errors import LabelloopError
from labelloop.resources.cvat import CvatResource
from labelloop.resources.project import Project
from labelloop.sandbox.annotator import HiddenTruth, annotate_open_tasks
from labelloop.settings.yaml_file import find_config

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
sandbox = typer.Typer(no_args_is_help=True, help="The embedded CVAT and its annotators.")
cli.add_typer(sandbox, name="sandbox")
out = Console(soft_wrap=True)


@cli.command()
def init(
    sandbox: Annotated[bool, typer.Option(help="Use labelloop's own server in place of CVAT.")] = False,
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder of images, or of a Pascal VOC data set.")
    ] = None,
    weights: Annotated[str, typer.Option(help="Checkpoint or model YAML the first training starts from.")] = "",
) -> None:
    """Write labelloop.yaml, the Dagster home and .env in this folder; what is there already is kept."""
    for line in initialise.run(Path.cwd(), sandbox=sandbox, source=source, weights=weights):
        out.print(line, highlight=False, markup=False)


@sandbox.command()
def annotate() -> None:
    """Play the annotators: complete every open task of the sandbox from the hidden labels of the source."""
    now = _project()
    if now.settings.sandbox == "off":
        raise typer.BadParameter("sandbox is off in labelloop.yaml: people annotate here, not the sandbox")
    truth = HiddenTruth(now.ledger.source_labels(), frozenset(now.ledger.samples()["sample_id"]))
    done = annotate_open_tasks(
        CvatResource().server(now),
        now.settings.project_name,
        truth,
        now.settings.annotators,
        now.settings.seed,
        on_task=lambda task: out.print(f"{task.name}: {task.images} images, {task.boxes} boxes in {task.jobs} jobs"),
    )
    out.print(f"{len(done)} tasks completed" if done else "No open task.")


@sandbox.command()
def serve() -> None:
    """Keep the sandbox server running and say where it is, until Ctrl-C."""
    now = _project()
    sandbox_server.ensure(now.home)
    out.print(f"http://127.0.0.1:{sandbox_server.owned(now.home).port()}")
    fiftyone_app.wait()


@cli.command()
def app(port: Annotated[int, typer.Option(help="Port of the App; 0 takes a free one.")] = 5151) -> None:
    """Open the data set in the FiftyOne App, until Ctrl-C."""
    fiftyone_app.run(_project(), port, out.print)


@cli.command()
def down() -> None:
    """Stop the database and the sandbox server of this project."""
    home = _project().home
    for name, stopped in (("mongod", mongod.shut_down(home)), ("sandbox server", sandbox_server.shut_down(home))):
        out.print(f"{name}: {'stopped' if stopped else 'was not running'}")


def _project() -> Project:
    return Project(find_config(Path.cwd()))


def main() -> None:
    """Run a command; an expected error is one clear line, not a stack."""
    try:
        cli()
    except LabelloopError as error:
        said = f"[bold red]{type(error).__name__}[/] {escape(str(error))}"
        Console(stderr=True, soft_wrap=True).print(said, highlight=False)
        raise SystemExit(1) from None
