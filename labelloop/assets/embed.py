"""Embed: one vector for each sample, from which coverage, neighbours and the map follow."""

import dagster as dg

from labelloop.adapters.embedding import VERSIONS, embed
from labelloop.core.annotation import content_hash
from labelloop.core.embedding import map_2d
from labelloop.core.vocabulary import Split
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.links import app_link
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.stage import OWNERS, stage

REPORT_EVERY = 1000


@dg.asset(group_name="pool", owners=OWNERS, kinds={"numpy", "fiftyone"}, deps=["splits"])
@stage
def embeddings(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource
) -> dg.MaterializeResult:
    """One vector for each sample, in a file that is memory-mapped; only new images are computed.

    The 2-D map of the App's Embeddings panel (brain key `img_viz`) comes from them. It is fitted on the pool alone
    and places the held-out images without having learnt from them.
    """
    now = project.current
    provider = now.settings.embeddings.provider
    samples = now.ledger.samples()
    paths = {row.sample_id: now.home.locate(row.path) for row in samples.itertuples()}
    ids, vectors, computed = embed(provider, paths, _known(now, provider), lambda d, n: _tell(context, d, n))
    version = content_hash([VERSIONS[provider], ids])
    if computed:
        now.ledger.save_embeddings(provider, VERSIONS[provider], ids, vectors)
    pool = set(now.ledger.in_split(Split.POOL))
    points = map_2d(vectors, [sample_id in pool for sample_id in ids], now.settings.seed)
    with dataset.writing(now, context.log.info) as loop:
        loop.show_map(ids, points)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(version),
        metadata={
            "dagster/row_count": len(ids), "computed now": computed, "dimensions": vectors.shape[1],
            "provider": provider, "version": VERSIONS[provider], "map fitted on": len(pool),
            **app_link(now),
        },
    )  # fmt: skip


def _known(now: Project, provider: str) -> tuple | None:
    """Vectors of before, unless another version of the provider made them."""
    return now.ledger.embeddings(provider) if now.ledger.embedding_version(provider) == VERSIONS[provider] else None


def _tell(context: dg.AssetExecutionContext, done: int, total: int) -> None:
    if done % REPORT_EVERY == 0 or done == total:
        context.log.info(f"embedded {done} of {total} new images")
