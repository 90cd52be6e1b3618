"""Where labels come from: the task, job and frame of each image, at which revision, and who had the job."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from labelloop.core.annotation import TaskContent
from labelloop.core.drawn import second_frames
from labelloop.core.vocabulary import Field, Provenance

PROVENANCE_TYPES = {
    "sample_id": "str", Provenance.PROJECT_ID: "Int64", Provenance.TASK_ID: "int64", Provenance.TASK: "str",
    Provenance.SUBSET: "str", Provenance.JOB_ID: "Int64", Provenance.FRAME: "int64", Provenance.FRAME_NAME: "str",
    Provenance.REVISION: "str", Provenance.ANNOTATOR: "str", Provenance.UPDATED: "str", Field.CVAT_URL: "str",
}  # fmt: skip


def provenance(contents: Iterable[TaskContent], sample_of: Mapping[str, str]) -> pd.DataFrame:
    """One row for each frame but second ones of an image, with the columns of `PROVENANCE_TYPES`, sorted by sample.

    Args:
        contents: Tasks as they were taken.
        sample_of: Sample id by frame name.
    """
    rows = [row for content in contents for row in _rows(content, sample_of)]
    columns = list(map(str, PROVENANCE_TYPES))
    frame = pd.DataFrame(rows, columns=columns).astype({str(key): kind for key, kind in PROVENANCE_TYPES.items()})
    return frame.sort_values("sample_id", kind="stable", ignore_index=True)


def with_provenance(boxes: pd.DataFrame, origin: pd.DataFrame) -> pd.DataFrame:
    """Labels with what is known of their frames; task, job and frame they say themselves."""
    own = [str(Provenance.TASK_ID), str(Provenance.JOB_ID), str(Provenance.FRAME), str(Field.CVAT_URL)]
    return boxes.merge(origin.drop(columns=own).drop_duplicates("sample_id"), on="sample_id", how="left")


def _rows(content: TaskContent, sample_of: Mapping[str, str]) -> list[dict[str, Any]]:
    jobs = {job.job_id: job for job in content.jobs}
    revision = content.revision
    rows: list[dict[str, Any]] = []
    second = second_frames(content, sample_of)
    for frame in (frame for frame in content.frames if frame.frame not in second):
        job = jobs.get(frame.job_id) if frame.job_id is not None else None
        rows.append(
            {
                "sample_id": sample_of[frame.name],
                Provenance.PROJECT_ID: content.project_id,
                Provenance.TASK_ID: content.task_id,
                Provenance.TASK: content.name,
                Provenance.SUBSET: content.subset,
                Provenance.JOB_ID: frame.job_id,
                Provenance.FRAME: frame.frame,
                Provenance.FRAME_NAME: frame.name,
                Provenance.REVISION: revision,
                Provenance.ANNOTATOR: job.annotator if job else "",
                Provenance.UPDATED: job.updated if job else "",
                Field.CVAT_URL: content.url,
            }
        )
    return rows
