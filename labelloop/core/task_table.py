"""Tasks as people see them after a pull: what each held, and what became of it."""

from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd

from labelloop.core.annotation import TaskContent
from labelloop.core.drawn import received
from labelloop.core.label_version import LabelVersion
from labelloop.core.vocabulary import Quarantine

COLUMNS = ("task", "link", "frames", "removed frames", "shapes", "quarantined", "revision")
OLDER = "frames left to newer tasks"
SHORT = 8  # characters of a revision that people compare


def task_table(
    contents: Iterable[TaskContent],
    version: LabelVersion,
    older: Mapping[int, int] | None = None,
    second: Mapping[int, int] | None = None,
) -> pd.DataFrame:
    """One row for each task: frames, removed frames, shapes by type, quarantined with reasons, revision, link.

    Args:
        contents: The tasks of a label version.
        version: What became of them.
        older: Number of frames of a task that gave way to a newer one's, where that can be.
        second: Number of frames of a task whose image an earlier one of it shows, where that can be.
    """
    reasons = {task_id: Counter(rows["reason"]) for task_id, rows in version.quarantined.groupby("task_id", sort=False)}
    rows = [
        {
            "task": f"#{content.task_id} {content.name}",
            "link": content.url,
            "frames": len(content.frames) + (older or {}).get(content.task_id, 0),
            "removed frames": sum(frame.deleted for frame in content.frames),
            **({} if older is None else {OLDER: older.get(content.task_id, 0)}),
            "shapes": _told(received([content])),
            "quarantined": _told(
                {**reasons.get(content.task_id, {}), **_frames((second or {}).get(content.task_id, 0))}
            ),
            "revision": content.revision[:SHORT],
        }
        for content in sorted(contents, key=lambda content: content.task_id)
    ]
    return pd.DataFrame(rows, columns=[*COLUMNS[:4], *([] if older is None else [OLDER]), *COLUMNS[4:]])


def _frames(second: int) -> dict[str, int]:
    return {f"frame: {Quarantine.SECOND_FRAME}": second} if second else {}


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
