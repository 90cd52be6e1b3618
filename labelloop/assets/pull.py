"""Pull: finished tasks of a CVAT project that people filled without labelloop become samples with labels."""

import dagster as dg
import pandas as pd

from labelloop.adapters.cvat.projects import find_project
from labelloop.adapters.files.ledger import SOURCE
from labelloop.core.looked import version_of_source
from labelloop.core.pulling import Merged, looked_at, merge
from labelloop.core.task_table import task_table
from labelloop.core.vocabulary import PullMode
from labelloop.resources import restored
from labelloop.resources.classes import freeze_schema
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.layers import lay_again
from labelloop.resources.name_fields import show_fields_of_names
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.pulled_images import note_versions, samples_of_tasks
from labelloop.resources.shown import PULLED, note_source_shown, shown_of_source
from labelloop.resources.source_pull import Pulled, conclude, is_pulled, keep_contents, read_tasks
from labelloop.resources.stage import CVAT_RETRIES, OWNERS, stage
from labelloop.resources.tables import linked_table, table
from labelloop.resources.unsent import keep_unsent, told_of_kept

NO_PROJECT = "annotation.pull_project is empty in labelloop.yaml: there is no CVAT project to pull from"
THERE_ALREADY = "annotation.pull_mode is skip_if_exist, and something was pulled before: nothing was asked"


@dg.asset(group_name="pool", owners=OWNERS, kinds={"cvat", "fiftyone"}, retry_policy=CVAT_RETRIES)
@stage
def cvat_pull(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource, cvat: CvatResource
) -> dg.MaterializeResult:
    """Images and labels of the finished tasks of an existing CVAT project.

    Images are matched with those already here by content. Tasks that labelloop itself made are left alone. A task is
    read again when it has changed, or as `annotation.pull_mode` says; one that was reopened or deleted stays as it was
    taken. Without `annotation.pull_project` there is nothing to do, and this asset says so.
    """
    now = project.current
    if not now.settings.annotation.pull_project:
        return dg.MaterializeResult(data_version=dg.DataVersion("no project"), metadata={"status": NO_PROJECT})
    if now.settings.annotation.mode == PullMode.SKIP_IF_EXIST and is_pulled(now):
        revision = dg.DataVersion(now.ledger.revision(SOURCE))
        return dg.MaterializeResult(data_version=revision, metadata={"status": THERE_ALREADY})
    server = cvat.server(now)
    source = find_project(server, now.settings.annotation.pull_project)
    pulled = read_tasks(now, server, source, context.log.info)
    schema = freeze_schema(now, source.label_ids)
    anew = now.settings.annotation.mode == PullMode.FORCE_REFRESH
    merged = merge(map(looked_at, pulled.contents), samples_of_tasks(now, server, pulled.contents, anew=anew))
    note_versions(now, pulled.contents, version_of_source(schema, map(schema.current, source.label_ids)))
    is_here = now.ledger.has_these(SOURCE, merged.contents, now.settings.image_classes)
    is_shown = is_here and dataset.noted(now, PULLED) == shown_of_source(now)
    kept: list[str] = []
    if not is_shown:
        incoming = set(merged.sample_of.values())
        kept = keep_unsent(now, dataset, cvat, SOURCE, context.log.info, context.log.warning, incoming)
    keep_contents(now, pulled)
    if not is_here:
        now.ledger.save_labels(SOURCE, merged.contents, merged.sample_of, now.settings.image_classes)
        restored.forget(now, SOURCE)
    if not is_shown:
        _show(context, now, dataset)
    conclude(now, source, pulled)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(now.ledger.revision(SOURCE)),
        metadata={**_describe(now, source.url, pulled, merged), **told_of_kept(kept)},
    )


def _show(context: dg.AssetExecutionContext, now: Project, dataset: DatasetResource) -> None:
    """Show what was pulled."""
    samples = now.ledger.samples()
    paths = {row.sample_id: str(now.home.locate(row.path)) for row in samples.itertuples()}
    with dataset.writing(now, context.log.info) as loop:
        loop.add_samples(samples, paths)
        show_fields_of_names(now, loop)
        lay_again(now, loop, SOURCE)
        note_source_shown(now, loop)


def _describe(now: Project, url: str, pulled: Pulled, merged: Merged) -> dict[str, dg.MetadataValue | int | str]:
    version = now.ledger.label_version(SOURCE)
    names = {each.task_id: f"#{each.task_id} {each.name}" for each in pulled.contents}
    tasks: pd.DataFrame = task_table(merged.contents, version, merged.older, merged.second)
    return {
        "dagster/row_count": len(version.boxes),
        "images": len(version.reviewed),
        "images removed in CVAT": len(version.removed),
        "tasks": linked_table(tasks, "task", "link"),
        "tasks read": len(pulled.read),
        "tasks reopened or deleted, kept as they were": ", ".join(names[int(task)] for task in pulled.kept),
        "received, stored, shown, set aside": table(version.census),
        "set aside": table(version.quarantined),
        "revision": now.ledger.revision(SOURCE),
        "CVAT project": dg.MetadataValue.url(url),
    }
