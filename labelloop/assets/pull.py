"""Pull: finished tasks of a CVAT project that people filled without labelloop become samples with labels."""

from collections.abc import Mapping
from dataclasses import asdict, replace

import dagster as dg
import pandas as pd

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.frames import download_frames
from labelloop.adapters.cvat.projects import find_project
from labelloop.adapters.cvat.pull import TaskSummary, content, finished_tasks
from labelloop.adapters.files.ledger import SOURCE
from labelloop.adapters.images import inspect_all
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import LabelError
from labelloop.core.label_version import LabelVersion
from labelloop.core.looked import version_of_source
from labelloop.core.registry import samples_table
from labelloop.core.vocabulary import Tag
from labelloop.resources.classes import freeze_schema
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.shown import show_drawn
from labelloop.resources.stage import CVAT_RETRIES, OWNERS, stage
from labelloop.resources.tables import table

NO_PROJECT = "annotation.pull_project is empty in labelloop.yaml: there is no CVAT project to pull from"


@dg.asset(group_name="pool", owners=OWNERS, kinds={"cvat", "fiftyone"}, retry_policy=CVAT_RETRIES)
@stage
def cvat_pull(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource, cvat: CvatResource
) -> dg.MaterializeResult:
    """Images and labels of the finished tasks of an existing CVAT project.

    Images are matched with those already here by content. Tasks that labelloop itself made are left alone. Without
    `annotation.pull_project` there is nothing to do, and this asset says so.
    """
    now = project.current
    if not now.settings.annotation.pull_project:
        return dg.MaterializeResult(data_version=dg.DataVersion("no project"), metadata={"status": NO_PROJECT})
    server = cvat.server(now)
    source = find_project(server, now.settings.annotation.pull_project)
    tasks = finished_tasks(server, source.id)
    context.log.info(f"{len(tasks)} finished tasks in project '{source.name}'")
    schema = freeze_schema(now, source.label_ids)
    contents, sample_of = _take(now, server, tasks)
    _note_versions(now, tasks, version_of_source(schema, map(schema.current, source.label_ids)))
    now.ledger.save_labels(SOURCE, contents, sample_of)
    version = now.ledger.label_version(SOURCE)
    _show(context, now, dataset, version)
    # Last, so that a pull that was broken off is asked for again.
    now.ledger.write("pulled", SOURCE, {"updated": {str(task.task_id): task.updated for task in tasks}})
    return dg.MaterializeResult(
        data_version=dg.DataVersion(now.ledger.revision(SOURCE)),
        metadata={
            "dagster/row_count": len(version.boxes),
            "images": len(version.reviewed),
            "tasks": table(pd.DataFrame([asdict(task) for task in tasks])),
            "received, stored, shown, set aside": table(version.census),
            "set aside": table(version.quarantined),
            "CVAT project": dg.MetadataValue.url(source.url),
        },
    )


def _take(now: Project, server: CvatServer, tasks: list[TaskSummary]) -> tuple[list[TaskContent], Mapping[str, str]]:
    """Content of the tasks, newest first, each frame named by task and name, and the sample of each name.

    An image that is in several tasks keeps the frame of the newest one: it is what people said last.
    """
    contents: list[TaskContent] = []
    sample_of: dict[str, str] = {}
    images: dict[str, list[str]] = (now.ledger.read_or_none("tasks", SOURCE) or {"samples": {}})["samples"]
    for task in sorted(tasks, key=lambda task: -task.task_id):
        found = _images(now, server, task, images)
        taken = content(server, task.task_id)
        frames = [replace(frame, name=f"{task.task_id}/{frame.name}") for frame in taken.frames]
        known = set(sample_of.values())
        fresh = tuple(frame for frame in frames if found[frame.frame] not in known)
        sample_of |= {frame.name: found[frame.frame] for frame in fresh}
        contents.append(replace(taken, frames=fresh))
    return contents, sample_of


def _images(now: Project, server: CvatServer, task: TaskSummary, known: dict[str, list[str]]) -> list[str]:
    """Sample of each frame of a task; a task's images never change, so each is downloaded once."""
    if task.url not in known:
        known[task.url] = _register(now, server, task)
        now.ledger.write("tasks", SOURCE, (now.ledger.read_or_none("tasks", SOURCE) or {}) | {"samples": known})
    return known[task.url]


def _note_versions(now: Project, tasks: list[TaskSummary], version: int) -> None:
    """Keep for each new task which classes its project had: what came later was not looked for there."""
    record = now.ledger.read_or_none("tasks", SOURCE) or {"samples": {}}
    known = {task.url: version for task in tasks} | record.get("schema_versions", {})
    if known != record.get("schema_versions", {}):
        now.ledger.write("tasks", SOURCE, record | {"schema_versions": known})


def _register(now: Project, server: CvatServer, task: TaskSummary) -> list[str]:
    """Download the images of a task and register those that are new; returns the sample of each frame."""
    frames = download_frames(server, task.task_id, now.home.root / "media")
    inspected = {file.path: file for file in inspect_all([f.path for f in frames], {}, lambda *_: None)}
    damaged = [frame.name for frame in frames if inspected[frame.path].sample_id is None]
    if damaged:
        raise LabelError(f"Task {task.task_id} holds images that cannot be read: {', '.join(damaged)}", task.url)
    files = pd.DataFrame([asdict(file) | {"path": now.home.relative(file.path)} for file in inspected.values()])
    before = now.ledger.samples_or_empty()
    fresh = files[~files["sample_id"].isin(before["sample_id"])]
    split = dict.fromkeys(fresh["path"], task.subset) if task.subset else {}
    samples = samples_table(fresh, split, [], before)
    now.ledger.save_samples(samples.assign(dhash=samples["dhash"].astype("uint64")))
    for copy in set(files["path"]) - set(samples["path"]):
        now.home.locate(copy).unlink()
    return [str(inspected[frame.path].sample_id) for frame in frames]


def _show(context: dg.AssetExecutionContext, now: Project, dataset: DatasetResource, version: LabelVersion) -> None:
    samples = now.ledger.samples()
    paths = {row.sample_id: str(now.home.locate(row.path)) for row in samples.itertuples()}
    with dataset.writing(now, context.log.info) as loop:
        loop.add_samples(samples, paths)
        loop.show_labels(SOURCE, version.boxes, samples, version.reviewed)
        show_drawn(now, loop, SOURCE, version, version.reviewed)
        loop.replace_tag(Tag.SOURCE_ANNOTATED, version.reviewed)
