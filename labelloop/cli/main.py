"""`labelloop`: thin commands; what they do is said in their help."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from labelloop.core.errors import LabelloopError

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
sandbox = typer.Typer(no_args_is_help=True, help="The embedded CVAT and its annotators.")
cli.add_typer(sandbox, name="sandbox")
splits = typer.Typer(no_args_is_help=True, help="The held-out sets.")
cli.add_typer(splits, name="splits")
out = Console(soft_wrap=True)
err = Console(soft_wrap=True, stderr=True)  # for what is no answer to the command


@cli.command()
def demo(
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Throw away what an earlier demo made, and start over.")
    ] = False,
    iterations: Annotated[int, typer.Option(min=1, help="Turns of the loop.")] = 3,
    folder: Annotated[Path | None, typer.Option(help="Folder to work in; without it the current one.")] = None,
) -> None:
    """Watch the loop turn by itself on drawn scenes: servers, sensors and annotators included."""
    _command("demo").run(folder or Path.cwd(), fresh=fresh, iterations=iterations, out=out)


@cli.command()
def up(
    sandbox: Annotated[
        bool, typer.Option(help="Start the sandbox server too, where labelloop.yaml asks for it.")
    ] = True,
    port: Annotated[int, typer.Option(help="Port of the Dagster UI from now on; 0 keeps that of before.")] = 0,
) -> None:
    """Serve this project until Ctrl-C: Dagster UI, App, sandbox, and the daemon whose sensors drive the loop."""
    _command("up").run(_project(), sandbox=sandbox, port=port, say=_say)


@cli.command()
def down() -> None:
    """Stop all servers of this project."""
    for name, stopped in _command("up").down(_project()):
        _say(f"{name}: {'stopped' if stopped else 'was not running'}")


@cli.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """How far the loop is and what it waits for."""
    _command("status").run(_project(), as_json=as_json, out=out)


@cli.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Whether everything is there that the loop needs, and what to do where it is not; exit status 1 if not."""
    _command("doctor").run(Path.cwd(), as_json=as_json, out=out)


@cli.command()
def rebuild() -> None:
    """Drop the FiftyOne data set and make it anew from the plain files of the home."""
    _command("repair").rebuild(_project(), _say)


@cli.command()
def reset(
    first: Annotated[str, typer.Option("--from", help="First iteration to undo, such as v1.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Archive the files of an iteration and of all later ones; their CVAT tasks are renamed, never deleted."""
    _command("repair").reset(_project(), first, _say, agreed=yes or _agree)


@cli.command()
def relabel(
    classes: Annotated[
        list[str] | None, typer.Option("--for", help="Class to look for; again for more. Without it all appended ones.")
    ] = None,
    split: Annotated[str, typer.Option(help="val, golden or pool; without it all three.")] = "",
) -> None:
    """Send labelled images to people again, for classes that were appended after they were labelled."""
    _command("changes").relabel(_project(), classes or [], split, _say)


@cli.command()
def repush(
    batch: Annotated[str, typer.Argument(help="v0, v1, …, holdout or relabel-1.")],
    from_app: Annotated[
        bool, typer.Option("--from-app", help="Those that people changed in the FiftyOne App since they were taken.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Write labels that were changed here over those in CVAT: shows the difference, and backs the tasks up first.

    With --from-app what people changed in the App becomes the labels of the batch, in CVAT and here; an edit that CVAT
    could not hold as it is is refused by name, and nothing is written then. Where it broke off, run it again.
    """
    _command("repush").repush(_project(), batch, _say, agreed=yes or _agree, from_app=from_app)


@cli.command()
def restore(
    batch: Annotated[str, typer.Argument(help="v0, v1, …, holdout, relabel-1 or source.")],
    backup: Annotated[
        list[str] | None, typer.Option(help="Backup to put back; again for another task. Without it they are listed.")
    ] = None,
    over_people: Annotated[
        bool, typer.Option("--over-people", help="Also where people changed the task since its labels were taken.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put back what a CVAT task held, or was to hold: shows the difference, and backs it up first.

    There is a backup of each task that `repush` or this command wrote into, of edits of the App that were never brought
    there, and, of tasks that were pulled (source), of edits of the App that a pull found.
    """
    command, now = _command("restore"), _project()
    if backup:
        command.restore(now, batch, backup, _say, over_people=over_people, agreed=yes or _agree)
    else:
        command.show(now, batch, _say)


@splits.command()
def extend() -> None:
    """Let val, golden and test grow with the data set, from images that were never selected nor labelled."""
    _command("changes").extend(_project(), _say)


@cli.command()
def init(
    sandbox: Annotated[bool, typer.Option(help="Use labelloop's own server in place of CVAT.")] = False,
    source: Annotated[
        str,
        typer.Option(
            "--from", help="Folder of images or of a data set, a name of FiftyOne's zoo, cvat:PROJECT or its address."
        ),
    ] = "",
    weights: Annotated[str, typer.Option(help="Checkpoint or model YAML the first training starts from.")] = "",
) -> None:
    """Write labelloop.yaml, the Dagster home and .env in this folder; what is there already is kept."""
    for line in _command("init").run(Path.cwd(), sandbox=sandbox, source=source, weights=weights):
        _say(line)


@cli.command()
def app(port: Annotated[int, typer.Option(help="Port of the App from now on; 0 keeps that of before.")] = 0) -> None:
    """Open the data set in the FiftyOne App, until Ctrl-C."""
    _command("app").run(_project(), port, _say)


@cli.command()
def benchmark(
    strategies: Annotated[
        str,
        typer.Option(help="Query strategies, separated by commas; +class_balanced behind one balances its classes."),
    ] = "zcore,entropy,hybrid",
    seeds: Annotated[int, typer.Option(help="How many times everything is replayed; at least 2.")] = 3,
    budget: Annotated[str, typer.Option(help="Labelled images at each turn, ascending.")] = "40,80,120",
    config: Annotated[Path | None, typer.Option(help="Another labelloop.yaml than that of this folder.")] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Folder for results; without it in the home.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Trainings at once; 0: one for each core.")] = 0,
    only_tables: Annotated[bool, typer.Option("--only-tables", help="Train nothing, write what is there.")] = False,
) -> None:
    """Replay the loop on a labelled data set, each strategy against random; killed, the same command goes on."""
    module = _command("benchmark")
    found = config or import_module("labelloop.settings.yaml_file").find_config(Path.cwd())
    module.run(found, module.Asked(strategies, seeds, budget, folder, workers, only_tables), out)


@sandbox.command()
def annotate() -> None:
    """Play the annotators: complete every open task of the sandbox from the hidden labels of the source."""
    done = _command("annotators").annotate(_project(), _say)
    _say(f"{done} tasks completed" if done else "No open task.")


@sandbox.command()
def serve() -> None:
    """Keep the sandbox server running and say where it is, until Ctrl-C."""
    _command("annotators").serve(_project(), _say)


def _command(name: str) -> Any:
    """The module of a command, imported when it is used: Dagster and pandas take seconds that others need not wait."""
    return import_module(f"labelloop.cli.{name}")


def _project() -> Any:
    settings = import_module("labelloop.settings.yaml_file")
    project = import_module("labelloop.resources.project").Project(settings.find_config(Path.cwd()))
    for line in _command("environment").follow(project):
        err.print(line, highlight=False, markup=False)
    return project


def _say(line: str) -> None:
    out.print(line, highlight=False, markup=False)


def _agree(question: str) -> bool:
    return bool(typer.confirm(question))


def main() -> None:
    """Run a command; an expected error is one clear line, not a stack."""
    try:
        cli()
    except LabelloopError as error:
        said = f"[bold red]{type(error).__name__}[/] {escape(str(error))}"
        Console(stderr=True, soft_wrap=True).print(said, highlight=False)
        raise SystemExit(1) from None
