"""What a look at an installation found: a sentence each, how bad it is, and what to do about it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

HIDDEN = "***"


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"  # the loop turns, but not as somebody may expect
    MISSING = "missing"  # the loop cannot turn


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is, in a word or two.
        level: How bad it is.
        detail: What was found.
        remedy: What to do, in one line; empty where there is nothing to do.
    """

    name: str
    level: Level
    detail: str
    remedy: str = ""


def ok(name: str, detail: str, remedy: str = "") -> Finding:
    """Something is as it should be."""
    return Finding(name, Level.OK, detail, remedy)


def warning(name: str, detail: str, remedy: str) -> Finding:
    """Something works, but not as somebody may expect."""
    return Finding(name, Level.WARNING, detail, remedy)


def missing(name: str, detail: str, remedy: str) -> Finding:
    """Something that is required is not there, or does not work."""
    return Finding(name, Level.MISSING, detail, remedy)


def redact(findings: Iterable[Finding], secrets: Iterable[str]) -> list[Finding]:
    """The findings without these words, whoever put them into a sentence; longer secrets go first."""
    words = sorted({word for word in secrets if word}, key=len, reverse=True)

    def clean(text: str) -> str:
        for word in words:
            text = text.replace(word, HIDDEN)
        return text

    return [replace(f, detail=clean(f.detail), remedy=clean(f.remedy)) for f in findings]


def summary(findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings as JSON-like values; `ok` is whether everything that is required is there."""
    count = {level: sum(finding.level is level for finding in findings) for level in Level}
    return {
        "ok": not count[Level.MISSING],
        "missing": count[Level.MISSING],
        "warnings": count[Level.WARNING],
        "findings": [asdict(finding) | {"level": finding.level.value} for finding in findings],
    }
