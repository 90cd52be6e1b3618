"""A backup: each task in a folder of its own, with its description, annotations and pictures."""

import json
import zipfile
from typing import Any

from labelloop.sandbox.server.blobs import Blobs
from labelloop.sandbox.server.exports.scene import NO_DATA
from labelloop.sandbox.server.rules import labels
from labelloop.sandbox.server.serializers import annotation, job, label, project, task
from labelloop.sandbox.server.store import Row, Store

DATA = ("deleted_frames", "start_frame", "stop_frame", "frame_step", "frame_filter")  # columns of a task's data


def write(archive: zipfile.ZipFile, store: Store, blobs: Blobs, operation: Row) -> str:
    """Write the backup of a task or project.

    Returns:
        The name of what was saved, without what cannot be in the name of a file.

    Raises:
        LookupError: If it is gone.
        AttributeError: If the task has no data.
    """
    table = f"{operation['target']}s"
    row = store.first(table, id=operation[f"{operation['target']}_id"])
    if row is None:
        raise LookupError(f"{table.removesuffix('s').capitalize()} matching query does not exist.")
    if table == "tasks":
        _write_task(archive, store, blobs, row, "")
    else:
        found = [label.label(one, store) for one in store.find("labels", project_id=row["id"], parent_id=None)]
        _write(archive, "project.json", {**project.project(row, store, ""), "labels": found})
        for number, one in enumerate(store.find("tasks", project_id=row["id"])):
            if one["data_id"] is not None:
                _write_task(archive, store, blobs, one, f"task_{number}/")
    return "".join(letter if letter.isprintable() and letter not in '"/\\' else "_" for letter in row["name"])


def _write_task(archive: zipfile.ZipFile, store: Store, blobs: Blobs, row: Row, folder: str) -> None:
    data = store.first("data", id=row["data_id"])
    if data is None:
        raise AttributeError(NO_DATA)
    jobs = store.find("jobs", order="start_frame, id", task_id=row["id"])
    found = labels.of_task(store, row)
    specs = {one["id"]: store.find("attributes", label_id=one["id"]) for one in found}
    drawn = [
        annotation.read({kind: store.find(kind, job_id=one["id"]) for kind in annotation.KINDS}, specs) for one in jobs
    ]
    frames = store.find("frames", order="number", data_id=data["id"])
    body = task.task(row, store, "")
    shown = [label.label(one, store) for one in found if one["parent_id"] is None]
    _write(archive, f"{folder}task.json", {
        **body, "labels": shown, "jobs": [_job(one, store) for one in jobs],
        "data": {**{name: data[name] for name in DATA}, "frames": [frame["name"] for frame in frames]},
    })  # fmt: skip
    _write(archive, f"{folder}annotations.json", drawn)
    for frame in frames:
        archive.write(blobs.path(frame["blob"]), f"{folder}data/{frame['name']}", compress_type=zipfile.ZIP_STORED)


def _job(row: Row, store: Store) -> Row:
    """A job, with the frames of a ground truth job."""
    chosen = store.first("ground_truth", id=row["id"])
    return {**job.job(row, store, ""), "included_frames": chosen["frames"] if chosen else None}


def _write(archive: zipfile.ZipFile, name: str, content: Any) -> None:
    archive.writestr(name, json.dumps(content, ensure_ascii=False))
