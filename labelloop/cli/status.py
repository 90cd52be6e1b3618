"""`labelloop status`: the state of a project on one screen."""

import json
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from labelloop.cli.instance import instance_of
from labelloop.cli.state import Counts, Status, look
from labelloop.core.summary import TURN_COLUMNS, Turn, footnote, turn_rows
from labelloop.resources.project import Project


def run(now: Project, *, as_json: bool, out: Console) -> None:
    """Print the status of a project, as text or as JSON."""
    with instance_of(now.home) as instance:
        status = look(now, instance)
    if as_json:
        out.print_json(json.dumps(status.to_dict(), ensure_ascii=False))
    else:
        show(status, out)


def show(status: Status, out: Console) -> None:
    """Print a status."""
    state = "[green]up[/]" if status.up else "[dim]not up (`labelloop up`)[/]"
    out.print(f"[bold]{escape(status.project)}[/]  {state}  [dim]{escape(status.home)}[/]", highlight=False)
    for title, url in status.links.items():
        out.print(f"  {title:<12} {url}", highlight=False)
    out.print(Padding(_counts(status.counts), (1, 0, 0, 0)))
    if status.turns:
        out.print(Padding(turn_table(status.turns), (1, 0, 0, 0)))
    for found in status.final:
        told = f"{found['iteration']} on test  mAP50 {found['map50']:.3f}  mAP50-95 {found['map50_95']:.3f}"
        about = f"{found['images']} images, looked at {found['looks']} times"
        out.print(f"[bold]final[/]  {told}  [dim]{about}[/]", highlight=False)
    out.print(Padding(_sentences(status), (1, 0, 0, 0)), highlight=False)


def turn_table(turns: Sequence[Turn]) -> Table:
    """What each iteration cost and gave."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), caption=footnote(turns) or None)
    for name in TURN_COLUMNS:
        table.add_column(name, justify="left" if name == "iteration" else "right", header_style="dim")
    for row in turn_rows(turns):
        table.add_row(*row)
    return table


def _counts(counts: Counts) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    held = f"{counts.holdout_annotated} of them annotated"
    for name, number, about in (
        ("images", counts.samples, ""),
        ("pool", counts.pool, f"{counts.remaining} never selected"),
        ("selected", counts.selected, "waiting for annotators"),
        ("annotated", counts.annotated, ""),
        ("hold-out", counts.holdout, held),
    ):
        table.add_row(name, str(number), about)
    return table


def _sentences(status: Status) -> RenderableType:
    lines: list[Text] = []
    lines += [_line("needs you", sentence, "bold red") for sentence in status.needs]
    lines += [_line("stopped", status.stopped, "yellow")] if status.stopped else []
    lines += [_line("ended", sentence, "red") for sentence in status.dead]
    for run in status.running:
        lines.append(_line("running", f"{run['job']} {run['partition']} {run['status'].lower()}", "green"))
    lines += [_line("not asked", status.cvat, "yellow")] if status.cvat else []
    lines += [
        _line("next", sentence if status.up else f"{sentence}, when it is up", "green")
        for sentence in status.comes_next
    ]
    told = {status.stopped and f"the loop has stopped: {status.stopped}"}
    lines += [_line("waits", sentence, "cyan") for sentence in status.waits_for if sentence not in told]
    for task in status.tasks:
        done = f"{task['jobs_completed']} of {task['jobs_total']} {task['unit']}"
        lines.append(_line("task", f"{task['name']}  {done}  {task['url']}", "blue"))
    return Group(*lines)


def _line(word: str, sentence: str, style: str) -> Text:
    return Text.assemble((f"{word:<10}", style), sentence)
