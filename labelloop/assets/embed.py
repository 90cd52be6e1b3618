"""Embed: one vector for each sample, from which coverage, neighbours and the map follow."""

from collections.abc import Iterator, Mapping

import dagster as dg
import pandas as pd

from labelloop.core.vocabulary import MAP_WORKSPACE, PATCH_VIZ
from labelloop.partitions import ITERATIONS
from labelloop.resources.compute import ComputeResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.links import app_link
from labelloop.resources.patches import (
    embed_patches,
    labelled_patches,
    patch_vectors,
    predicted_patches,
    show_patches,
    strangers_table,
)
from labelloop.resources.project import ProjectResource
from labelloop.resources.stage import OWNERS, stage
from labelloop.resources.tables import table
from labelloop.resources.vectors import embedded, image_map


@dg.asset(group_name="pool", owners=OWNERS, kinds={"numpy", "fiftyone"}, deps=["splits"])
@stage
def embeddings(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource, compute: ComputeResource
) -> dg.MaterializeResult:
    """One vector for each sample, in a file that is memory-mapped; only new images are computed.

    `embeddings.provider` names what computes them. An image that cannot be embedded is listed with the reason and
    cannot be selected; the next run tries it again. A run that was killed goes on where it was.

    The 2-D map of the App's Embeddings panel (brain key `img_viz`) comes from the vectors. It is fitted on the pool
    alone and places the held-out images without having learnt from them.
    """
    now = project.current
    paths = {row.sample_id: now.home.locate(row.path) for row in now.ledger.samples().itertuples()}
    version, done = embedded(context, now, now.ledger.vectors, paths, compute)
    _warn(context, done.failed)
    mapped = image_map(now)
    with dataset.writing(now, context.log.info) as loop:
        loop.show_map(mapped.ids, mapped.points)
    provider = now.settings.embeddings.provider
    return dg.MaterializeResult(
        data_version=dg.DataVersion(str(now.ledger.vectors.key(provider))),
        metadata={
            "dagster/row_count": len(done.ids), "computed now": done.computed, "dimensions": done.vectors.shape[1],
            "provider": provider, "version": version, "map fitted on": mapped.fitted,
            "set aside": table(pd.DataFrame(list(done.failed.items()), columns=["sample_id", "reason"])),
            **app_link(now, workspace=MAP_WORKSPACE),
        },
    )  # fmt: skip


@dg.asset(
    group_name="iteration", owners=OWNERS, kinds={"numpy", "fiftyone"}, partitions_def=ITERATIONS,
    deps=["annotated_batch", "eval_report"], output_required=False,
)  # fmt: skip
@stage
def patch_embeddings(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource, compute: ComputeResource
) -> Iterator[dg.MaterializeResult]:
    """One vector for each box that people drew, and for each that the newest model predicts on val.

    Off unless `embeddings.patches` is on. Only boxes that are new or were moved are computed; boxes of test are left
    out. The map of the App (brain key `patch_viz`, workspace `patch_viz`) shows boxes by their class, fitted on the
    pool alone: one that lies among boxes of another class is worth a look, and the table names the first of them.
    """
    now = project.current
    if not now.settings.embeddings.patches:
        context.log.info("embeddings.patches is off")
        return
    drawn = labelled_patches(now)
    iteration, predicted = predicted_patches(now)
    done = embed_patches(context, now, pd.concat([drawn, predicted]), compute)
    with dataset.writing(now, context.log.info) as loop:
        fitted = show_patches(now, loop)
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(str(patch_vectors(now).key(now.settings.embeddings.provider))),
        metadata={
            "dagster/row_count": len(done.ids), "computed now": done.computed, "boxes drawn": len(drawn),
            "boxes predicted": f"{len(predicted)} by the model of {iteration}" if iteration else "0",
            "map fitted on": fitted, "among boxes of another class": table(strangers_table(now, drawn)),
            "set aside": table(pd.DataFrame(list(done.failed.items()), columns=["patch", "reason"])),
            **app_link(now, workspace=PATCH_VIZ),
        },
    )  # fmt: skip


def _warn(context: dg.AssetExecutionContext, failed: Mapping[str, str]) -> None:
    for sample_id, reason in failed.items():
        context.log.warning(f"{sample_id} has no embedding and cannot be selected: {reason}")
