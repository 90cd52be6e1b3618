"""Annotate: what people drew comes back as label versions."""

import dagster as dg

from labelloop.adapters.files.ledger import HOLDOUT
from labelloop.core.annotation import content_hash
from labelloop.core.quality import class_table
from labelloop.core.task_table import task_table
from labelloop.core.vocabulary import SPLIT_VIEWS, Split, batch_view
from labelloop.partitions import ITERATIONS
from labelloop.resources import prefilled
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.golden import show_golden_history
from labelloop.resources.holdout import extend_holdout_batch
from labelloop.resources.layers import lay_again
from labelloop.resources.links import links
from labelloop.resources.outgoing import left_out, told_of_left_out
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.sheets import sheet
from labelloop.resources.stage import CVAT_RETRIES, OWNERS, stage
from labelloop.resources.tables import counts, linked_table, table
from labelloop.resources.taken import Taken, take_labels
from labelloop.resources.unsent import told_of_kept


@dg.asset(group_name="pool", owners=OWNERS, kinds={"cvat"}, deps=["splits"], retry_policy=CVAT_RETRIES)
@stage
def holdout_batch(
    context: dg.AssetExecutionContext, project: ProjectResource, cvat: CvatResource
) -> dg.MaterializeResult:
    """The held-out images that need labels, in CVAT tasks of their own subsets.

    val scores every iteration and golden watches the annotators, so both are labelled once, before the first model.
    test is labelled when its report is asked for. Images whose source labels are trusted are not sent. Where
    `labelloop splits extend` added some, they go into tasks of their own; those of before stay as they are.
    """
    now = project.current
    cvat.settle(now, HOLDOUT)
    extend_holdout_batch(now)
    manifest = now.ledger.manifest(HOLDOUT)
    sent = cvat.send(now, HOLDOUT, manifest, context.log.info)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash(list(manifest["sample_id"]))),
        metadata={
            "dagster/row_count": len(manifest),
            **links(now, sent),
            "images by split": counts(manifest["source"].value_counts().to_dict(), "split"),
            **told_of_left_out(left_out(now, HOLDOUT)),
        },
    )


@dg.asset(
    group_name="pool", owners=OWNERS, kinds={"cvat", "fiftyone"}, deps=["holdout_batch"], retry_policy=CVAT_RETRIES
)
@stage
def annotated_holdout(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource, cvat: CvatResource
) -> dg.MaterializeResult:
    """What people drew on val and golden: the yardstick of every model and of later annotators.

    The labels of golden are its baseline; `dataset.info["golden_qa_history"]` has it and each later comparison.
    """
    now = project.current
    taken = take_labels(now, dataset, cvat, HOLDOUT, context.log.info, context.log.warning)
    with dataset.writing(now, context.log.info) as loop:
        lay_again(now, loop, HOLDOUT)
        show_golden_history(now, loop)
    return _result(now, HOLDOUT, taken, SPLIT_VIEWS[Split.VAL])


@dg.asset(
    group_name="iteration", owners=OWNERS, kinds={"cvat", "fiftyone"}, partitions_def=ITERATIONS, deps=["batch"],
    retry_policy=CVAT_RETRIES,
)  # fmt: skip
@stage
def annotated_batch(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource, cvat: CvatResource
) -> dg.MaterializeResult:
    """What people drew on a batch: a label version that is never overwritten, and field `human_labels`.

    The file keeps every shape as CVAT gave it. Boxes that cannot be used are set aside, counted and listed; images
    on which people found nothing are kept as such. What is no box to learn from is shown in fields of its own.
    received = stored + shown + quarantined + removed, or nothing is taken. Where a model drew boxes beforehand, it
    tells how many people kept, moved and deleted, and how many they added.
    """
    iteration = context.partition_key
    now = project.current
    taken = take_labels(now, dataset, cvat, iteration, context.log.info, context.log.warning)
    with dataset.writing(now, context.log.info) as loop:
        lay_again(now, loop, iteration)
    return _result(now, iteration, taken, batch_view(iteration))


def _result(now: Project, batch: str, taken: Taken, view: str) -> dg.MaterializeResult:
    version, classes = taken.version, now.ledger.schema().classes
    return dg.MaterializeResult(
        data_version=dg.DataVersion(now.ledger.revision(batch)),
        metadata={
            "dagster/row_count": len(version.boxes),
            **links(now, now.ledger.read("tasks", batch), view),
            "images": len(version.reviewed),
            "images without objects": len(set(version.reviewed) - set(version.boxes["sample_id"])),
            "first images": sheet(now, version.reviewed, version.boxes),
            "images removed in CVAT": len(version.removed),
            "boxes by class": table(class_table(version.boxes, classes)),
            "images by image class": counts(version.tags["label"].value_counts().to_dict(), "image class"),
            "received, stored, shown, set aside": table(version.census),
            "share of bad boxes": round(version.bad_box_share, 4),
            "set aside": table(version.quarantined),
            **prefilled.told_of_taking(now, taken.found),
            **told_of_kept(taken.kept),
            "revision": now.ledger.revision(batch),
            "tasks": linked_table(task_table(now.ledger.contents(batch)[0], version), "task", "link"),
        },
    )
