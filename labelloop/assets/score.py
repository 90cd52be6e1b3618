"""Score: how much of the pool each image stands for."""

import dagster as dg
import numpy as np
import pandas as pd

from labelloop.core.annotation import content_hash
from labelloop.core.vocabulary import Field, Split
from labelloop.core.zcore import zcore_scores as score
from labelloop.core.zcore_jit import code
from labelloop.resources.compute import ComputeResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.embedded import require_current_embeddings
from labelloop.resources.links import app_link
from labelloop.resources.progress import progress
from labelloop.resources.project import ProjectResource
from labelloop.resources.stage import OWNERS, stage
from labelloop.resources.tables import table

TENTHS = 10  # how often at most the log tells how far it is


@dg.asset(group_name="pool", owners=OWNERS, kinds={"numpy", "fiftyone"}, deps=["embeddings"])
@stage
def zcore_scores(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource, compute: ComputeResource
) -> dg.MaterializeResult:
    """Coverage against redundancy of each pool image, between 0 and 1; higher is labelled sooner.

    ZCore (Griffin, Marks, Corso 2024) rewards the image nearest to random points of embedding space and penalises
    its neighbours. It sees the pool alone and needs no label and no model. The scores follow from the vectors and the
    seed, to the last bit, whatever the number of processors or machines (`compute`) and the order of images. A run
    that was killed goes on where it was. Field `zcore` in FiftyOne.
    """
    now = project.current
    require_current_embeddings(now)
    provider = now.settings.embeddings.provider
    ids, vectors = now.ledger.embeddings(provider)
    made_from = now.ledger.vectors.key(provider)
    pool = set(now.ledger.in_split(Split.POOL))
    rows = [row for row, sample_id in enumerate(ids) if sample_id in pool]
    settings = now.settings.zcore
    key = content_hash([made_from, [ids[row] for row in rows], settings.model_dump(), now.settings.seed, code()])
    with compute.scoring(now, key, context.log.info) as execution:
        scores = score(
            vectors, rows=np.array(rows, dtype=np.intp), **settings.model_dump(), seed=now.settings.seed,
            on_progress=progress(context, "ZCore: {done} of {total} draws", TENTHS), execution=execution,
        )  # fmt: skip
        result = pd.DataFrame({"sample_id": [ids[row] for row in rows], "zcore": scores, "embeddings": made_from})
        now.ledger.save_zcore(result)
    with dataset.writing(now, context.log.info) as loop:
        loop.set_exactly(Field.ZCORE, dict(zip(result["sample_id"], scores.tolist(), strict=True)))
    best = result.sort_values(["zcore", "sample_id"], ascending=[False, True])
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash(result.to_dict("list"))),
        metadata={
            "dagster/row_count": len(result), "draws": settings.n_sample, "seed": now.settings.seed,
            "embeddings": f"{provider}, {made_from}", "without embedding": len(pool) - len(result),
            "median": float(result["zcore"].median()), "highest": table(best[["sample_id", "zcore"]], most=10),
            **app_link(now),
        },
    )  # fmt: skip
