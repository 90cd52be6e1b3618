"""Held-out sets that grow with the data set, and the record of every version of the splits."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from labelloop.core.splits import Grouping, SplitSize, SplitSizes, grow
from labelloop.core.vocabulary import Split, next_iteration
from labelloop.resources.labelled import labelled
from labelloop.resources.project import Project

HISTORY = "history"


def grouping_of(now: Project) -> Grouping:
    """What keeps images together in one split."""
    return Grouping(now.settings.splits.duplicate_distance, now.settings.splits.group_by)


def sizes_of(now: Project) -> SplitSizes:
    """How large the held-out sets shall be."""
    wanted = now.settings.splits
    return SplitSizes(
        val=SplitSize(wanted.val, wanted.val_max),
        golden=SplitSize(wanted.golden, wanted.golden_max),
        test=SplitSize(wanted.test, wanted.test_max),
    )


def grown(now: Project) -> pd.DataFrame:
    """The split table with held-out sets as large as the data set of today asks for."""
    return grow(
        now.ledger.splits(), now.ledger.samples(), sizes_of(now), taken=_taken(now), seed=now.settings.seed,
        grouping=grouping_of(now),
    )  # fmt: skip


def history(now: Project) -> list[dict[str, Any]]:
    """Versions of the splits, oldest first: when, why, with which seed, how many images in each."""
    return list((now.ledger.read_or_none("splits", HISTORY) or {"versions": []})["versions"])


def record_version(now: Project, before: pd.DataFrame, after: pd.DataFrame, why: str) -> None:
    """Note a version of the splits; nothing where nothing has changed."""
    versions = history(now)
    old = before.set_index("sample_id")["split"] if len(before) else pd.Series(dtype=str)
    changed = after[after["split"] != after["sample_id"].map(old)]
    if changed.empty and versions:
        return
    versions.append({
        "version": len(versions) + 1, "date": datetime.now(UTC).isoformat(timespec="seconds"), "why": why,
        "seed": now.settings.seed, "images": _counts(after), "added": _counts(changed),
    })  # fmt: skip
    now.ledger.write("splits", HISTORY, {"versions": versions})


def _counts(splits: pd.DataFrame) -> dict[str, int]:
    return {str(name): int(count) for name, count in splits["split"].value_counts().sort_index().items()}


def _taken(now: Project) -> set[str]:
    """Images that were selected, are selected for the next batch, or have labels."""
    iterations = now.ledger.iterations()
    upcoming = now.ledger.read_or_none("selections", next_iteration(iterations[-1])) if iterations else None
    rows = (upcoming or {}).get("rows") or []
    known = labelled(now, filter(now.ledger.has_labels, iterations)).reviewed
    in_pool = set(now.ledger.in_split(Split.POOL))
    return (now.ledger.selected() | {row["sample_id"] for row in rows} | set(known)) & in_pool
