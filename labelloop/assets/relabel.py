"""Relabel: labelled images go to people again, for classes that were appended since."""

from collections.abc import Sequence
from functools import partial

import dagster as dg
import pandas as pd
from pydantic import Field

from labelloop.core.annotation import TaskContent, content_hash
from labelloop.core.vocabulary import Split
from labelloop.resources import carried, relabelling
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.layers import lay_again
from labelloop.resources.links import links
from labelloop.resources.outgoing import told_of_left_out
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.stage import CVAT_RETRIES, OWNERS, stage
from labelloop.resources.tables import table
from labelloop.resources.taken import Taken, take_labels
from labelloop.resources.unsent import told_of_kept


class RelabelConfig(dg.Config):
    """What to look for, and where."""

    relabel_for: list[str] = Field(
        default=[], description="Classes to look for; empty: relabel_for of labelloop.yaml, or all that were appended."
    )
    split: str = Field(default="", description="val, golden or pool; empty: all three.")


@dg.asset(
    group_name="pool", owners=OWNERS, kinds={"cvat"}, deps=["annotated_holdout"], retry_policy=CVAT_RETRIES,
    output_required=False,
)  # fmt: skip
@stage
def relabel_batch(
    context: dg.AssetExecutionContext, config: RelabelConfig, project: ProjectResource, cvat: CvatResource
) -> dg.MaterializeResult | None:
    """Labelled images on which nobody has looked for an appended class, in CVAT tasks of their own.

    What is known to be on them is drawn already, so that people only add the new class. val comes first to mind:
    before it was gone through, the new class is no part of mAP. Running again finds the same tasks.
    """
    now = project.current
    classes = config.relabel_for or now.settings.relabel_for
    splits = [Split(config.split)] if config.split else list(relabelling.SPLITS)
    relabelling.choose(now, classes, splits)
    sent = relabelling.send(now, cvat, context.log.info)
    if not sent:
        context.log.info("people have looked for every class on every labelled image")
        return None
    ids = [sample_id for each in sent for sample_id in now.ledger.manifest(each.batch)["sample_id"]]
    tasks = {"project_url": sent[0].tasks["project_url"], "tasks": [t for each in sent for t in each.tasks["tasks"]]}
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash(ids)),
        metadata={
            "dagster/row_count": len(ids), "batches": table(relabelling.as_table(now)),
            "shapes drawn for people now": sum(each.carried for each in sent),
            "shapes that could not be": sum(each.left_behind for each in sent), **links(now, tasks),
            **told_of_left_out(dict(item for each in sent for item in each.left_out.items())),
        },
    )  # fmt: skip


@dg.asset(
    group_name="pool", owners=OWNERS, kinds={"cvat", "fiftyone"}, deps=["relabel_batch"], retry_policy=CVAT_RETRIES
)
@stage
def annotated_relabel(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource, cvat: CvatResource
) -> dg.MaterializeResult:
    """What people said the second time: the labels that count for these images from now on.

    Every batch that people are done with is taken back as a label version of its own; those of before stay as they
    are. Models are measured again where val is among them.
    """
    now = project.current
    done = relabelling.complete(now, cvat)
    taken = {name: _take(context, now, dataset, cvat, name) for name in done}
    versions = {name: each.version for name, each in taken.items()}
    with dataset.writing(now, context.log.info) as loop:
        lay_again(now, loop, *done)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash([now.ledger.revision(name) for name in done])),
        metadata={
            "dagster/row_count": sum(len(version.boxes) for version in versions.values()),
            "batches": table(relabelling.as_table(now)),
            "received, stored, shown, set aside": table(_joined({n: v.census for n, v in versions.items()})),
            "set aside": table(_joined({n: v.quarantined for n, v in versions.items()})),
            **carried.told_of_taking(now, (each.found for each in taken.values())),
            **told_of_kept([name for each in taken.values() for name in each.kept]),
        },
    )


def _take(
    context: dg.AssetExecutionContext, now: Project, dataset: DatasetResource, cvat: CvatResource, batch: str
) -> Taken:
    refuse = partial(_refuse_lost, now, batch)
    return take_labels(now, dataset, cvat, batch, context.log.info, context.log.warning, refuse)


def _refuse_lost(now: Project, batch: str, contents: Sequence[TaskContent]) -> None:
    sample_of = now.ledger.samples_of_frames(batch)
    relabelling.refuse_lost(now, batch, [sample_of.get(f.name, "") for content in contents for f in content.frames])


def _joined(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([frame.assign(batch=name) for name, frame in frames.items()], ignore_index=True)
