"""Labels of before, drawn in the tasks of a relabel before people begin, and what people made of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from labelloop.adapters.cvat.prefill import FilledJob
from labelloop.core.acceptance import COLUMNS, OUTLINE, Comparison, came_back, compare, place_of
from labelloop.core.annotation import TaskContent
from labelloop.core.boxes import CORNERS
from labelloop.resources.project import Project
from labelloop.resources.tables import table

FOLDER = "carried"


def note(
    now: Project, batch: str, task: Mapping[str, Any], jobs: Iterable[FilledJob], named: Mapping[int, str]
) -> None:
    """Note which shapes were drawn in a task, by the ids that CVAT gave them; `named` are labels by their ids.

    A shape that somebody has changed by now, as after a run that broke off, is not known again, and left out.
    """
    before = now.ledger.read_or_none(FOLDER, batch) or {}
    found = [
        {
            "sample_id": task["frames"][name],
            "shape_id": shape_id,
            "label": named[shape["label_id"]],
            **place_of(shape),
        }
        for job in jobs
        for name, shape, shape_id in zip(job.names, job.meant, job.shape_ids(), strict=True)
        if shape_id is not None
    ]
    now.ledger.write(FOLDER, batch, {**before, str(task["task_id"]): found})


def comparison(
    now: Project, batch: str, contents: Sequence[TaskContent], sample_of: Mapping[str, str]
) -> Comparison | None:
    """What people made of the shapes that were drawn; None where that was never noted.

    Tracks, tags and skeletons are not drawn anew, so that those which people draw count as added or not at all.
    """
    noted = now.ledger.read_or_none(FOLDER, batch)
    if noted is None:
        return None
    named, ids = now.ledger.schema().current, {str(content.task_id) for content in contents}
    rows = [row for task, rows in noted.items() if task in ids for row in rows]
    sent = pd.DataFrame(rows, columns=[*COLUMNS, OUTLINE]).astype(dict.fromkeys(CORNERS, "float64"))
    removed = {sample_of[frame.name] for content in contents for frame in content.frames if frame.deleted}
    return compare(sent.assign(label=sent["label"].map(named)), came_back(contents, sample_of, named), removed)


def told_of_taking(now: Project, found: Iterable[Comparison | None]) -> dict[str, Any]:
    """How much of it people kept, as metadata."""
    known = [each for each in found if each is not None]
    if not known:
        return {}
    both = Comparison(pd.concat([each.sent for each in known]), pd.concat([each.back for each in known]))
    return {
        "share of earlier shapes left as they were": round(both.acceptance, 4),
        "earlier shapes by class": table(both.by_class(now.ledger.schema().classes)),
    }
