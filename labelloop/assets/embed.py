"""Embed: one vector for each sample, from which coverage, neighbours and the map follow."""

import dagster as dg
import pandas as pd

from labelloop.adapters.embedding.run import Embedded, embed
from labelloop.core.embedding import map_2d
from labelloop.core.vocabulary import MAP_WORKSPACE, Split
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.embedded import provider_of
from labelloop.resources.links import app_link
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.stage import OWNERS, stage
from labelloop.resources.tables import table

REPORTS = 20  # how often at most the log tells how far it is


@dg.asset(group_name="pool", owners=OWNERS, kinds={"numpy", "fiftyone"}, deps=["splits"])
@stage
def embeddings(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource
) -> dg.MaterializeResult:
    """One vector for each sample, in a file that is memory-mapped; only new images are computed.

    `embeddings.provider` names what computes them. An image that cannot be embedded is listed with the reason and
    cannot be selected; the next run tries it again. A run that was killed goes on where it was.

    The 2-D map of the App's Embeddings panel (brain key `img_viz`) comes from the vectors. It is fitted on the pool
    alone and places the held-out images without having learnt from them.
    """
    now = project.current
    version, done = _embed(context, now)
    pool = set(now.ledger.in_split(Split.POOL))
    points = map_2d(done.vectors, [sample_id in pool for sample_id in done.ids], now.settings.seed)
    with dataset.writing(now, context.log.info) as loop:
        loop.show_map(done.ids, points)
    provider = now.settings.embeddings.provider
    return dg.MaterializeResult(
        data_version=dg.DataVersion(str(now.ledger.vectors.key(provider))),
        metadata={
            "dagster/row_count": len(done.ids), "computed now": done.computed, "dimensions": done.vectors.shape[1],
            "provider": provider, "version": version, "map fitted on": len(pool & set(done.ids)),
            "set aside": table(pd.DataFrame(list(done.failed.items()), columns=["sample_id", "reason"])),
            **app_link(now, workspace=MAP_WORKSPACE),
        },
    )  # fmt: skip


def _embed(context: dg.AssetExecutionContext, now: Project) -> tuple[str, Embedded]:
    """Version of the provider and the vectors, stored when anything about them is new."""
    wanted, store = now.settings.embeddings, now.ledger.vectors
    provider = provider_of(now)
    paths = {row.sample_id: now.home.locate(row.path) for row in now.ledger.samples().itertuples()}
    done = embed(
        provider, paths, store.known(wanted.provider, provider.version),
        keep=lambda ids, vectors: store.keep(wanted.provider, provider.version, ids, vectors),
        on_progress=lambda count, total: _tell(context, count, total, provider.batch_size),
    )  # fmt: skip
    for sample_id, reason in done.failed.items():
        context.log.warning(f"{sample_id} has no embedding and cannot be selected: {reason}")
    about = {"recipe": wanted.recipe, "failed": done.failed}
    record = store.record_or_none(wanted.provider) or {}
    if record != record | about | {"version": provider.version, "sample_ids": done.ids}:
        store.save(wanted.provider, provider.version, done.ids, done.vectors, about)
    return provider.version, done


def _tell(context: dg.AssetExecutionContext, done: int, total: int, step: int) -> None:
    if done == total or done * REPORTS // total != max(done - step, 0) * REPORTS // total:
        context.log.info(f"embedded {done} of {total} new images")
