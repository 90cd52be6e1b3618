"""The doctor's round: every look is guarded, so that one that fails is a finding like any other."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from labelloop.cli.doctor.surroundings import Surroundings
from labelloop.core.errors import LabelloopError
from labelloop.core.findings import Finding, Level, redact, summary

Look = Callable[[Surroundings], Iterable[Finding]]
Tell = Callable[[Sequence[str]], None]

STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.MISSING: "bold red"}


@dataclass(frozen=True)
class Check:
    """A look at one thing: a function of a module that is imported when it is time, for that may fail as well."""

    name: str
    module: str
    function: str
    worst: Level = Level.MISSING  # how bad it is when the look itself fails

    def look(self, around: Surroundings) -> Iterable[Finding]:
        """What is found, one after the other."""
        look: Look = getattr(import_module(f"{__package__}.{self.module}"), self.function)
        return look(around)


CHECKS = (
    Check("labelloop.yaml", "project", "labelloop_yaml"),
    Check("Python", "machine", "python"),
    Check("images", "machine", "images"),
    Check("disk", "machine", "disk"),
    Check("ports", "machine", "ports"),
    Check("Dagster", "dagster_home", "dagster"),
    Check("mongod", "database", "database"),
    Check("FiftyOne", "database", "fiftyone"),
    Check("CVAT", "annotation", "cvat"),
    Check("cv2", "machine", "cv2"),
    Check("weights", "project", "weights"),
    Check("device", "machine", "device", Level.WARNING),
    Check("embeddings", "project", "embeddings"),
)


def run(folder: Path, *, as_json: bool, out: Console) -> None:
    """Look at everything a project in this folder needs, and print what was found.

    Raises:
        SystemExit: If something that is required is missing.
    """
    around = Surroundings.of(folder)
    with _progress(out, shown=out.is_terminal and not as_json) as tell:
        findings = examine(around, CHECKS, tell)
    if as_json:
        out.print_json(json.dumps(summary(findings), ensure_ascii=False))
    else:
        show(findings, out)
    if any(finding.level is Level.MISSING for finding in findings):
        raise SystemExit(1)


def examine(around: Surroundings, checks: Sequence[Check], tell: Tell = lambda _: None) -> list[Finding]:
    """What all checks find, in their order; several at a time, since most of them wait for an import or a server."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        pending = {pool.submit(_guarded, check, around): check.name for check in checks}
        asked = list(pending)
        tell(list(pending.values()))
        for done in as_completed(asked):
            del pending[done]
            tell(list(pending.values()))
    return redact((finding for done in asked for finding in done.result()), around.secrets())


def show(findings: Sequence[Finding], out: Console) -> None:
    """Print findings as `labelloop status` prints its sentences, remedies below."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for style in ("", "bold", ""):
        table.add_column(style=style, overflow="fold")
    for finding in findings:
        told = Text(finding.detail)
        if finding.remedy:
            told.append(f"\n→ {finding.remedy}", style="dim" if finding.level is Level.OK else "cyan")
        table.add_row(Text(finding.level.value, style=STYLES[finding.level]), Text(finding.name), told)
    out.print(table)
    out.print(Padding(_verdict(findings), (1, 0, 0, 0)), highlight=False)


@contextmanager
def _progress(out: Console, *, shown: bool) -> Iterator[Tell]:
    """On a terminal, what is still looked at: an import may take half a minute."""
    if not shown:
        yield lambda _: None
        return
    with out.status("looking …") as status:
        yield lambda left: status.update(f"looking at {', '.join(left)} …")


def _verdict(findings: Sequence[Finding]) -> Text:
    found = summary(findings)
    if not found["ok"]:
        return Text(f"missing or broken: {found['missing']}, warnings: {found['warnings']}", style="bold red")
    if found["warnings"]:
        return Text(f"everything that is required is there, warnings: {found['warnings']}", style="yellow")
    return Text("everything is there", style="green")


def _guarded(check: Check, around: Surroundings) -> list[Finding]:
    """What a check finds; what it found before it failed stays."""
    findings: list[Finding] = []
    try:
        for finding in check.look(around):
            findings.append(finding)  # noqa: PERF402  a generator that raises must not take these with it
    except LabelloopError as error:
        findings.append(Finding(check.name, check.worst, error.what, error.remedy))
    except Exception as error:  # noqa: BLE001  the doctor is asked when things are broken in ways nobody foresaw
        told = " ".join(f"{type(error).__name__}: {error}".split())
        remedy = "Mend what it names; if that says nothing to you, it is a fault of labelloop."
        findings.append(Finding(check.name, check.worst, f"it could not be looked at: {told}", remedy))
    return findings
