"""Split: which samples are held out, decided once and for good."""

import dagster as dg
import pandas as pd

from labelloop.core.annotation import content_hash
from labelloop.core.splits import cut, extend, spanning_groups
from labelloop.core.vocabulary import SPLIT_VIEWS, Split
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.growth import grouping_of, history, record_version, sizes_of
from labelloop.resources.links import app_link
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.stage import OWNERS, stage
from labelloop.resources.tables import counts, table


@dg.asset(group_name="pool", owners=OWNERS, kinds={"python", "fiftyone"}, deps=["source_images", "cvat_pull"])
@stage
def splits(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource
) -> dg.MaterializeResult:
    """Test, val, golden and pool: cut once, by groups of near-duplicates, and never moved.

    Splits that the source brings are kept when `splits.from_source` is on. Images that come later go to the pool,
    and one that nearly equals a held-out image is excluded, because a model trained on it would be scored on what
    it has seen. `labelloop splits extend` lets the held-out sets grow; every version is recorded.
    """
    now = project.current
    before = now.ledger.splits() if now.ledger.has_splits() else pd.DataFrame({"sample_id": []})
    result = _split(now, before)
    now.ledger.save_splits(result)
    record_version(now, before, result, "cut" if before.empty else "newcomers")
    with dataset.writing(now, context.log.info) as loop:
        loop.show_splits(result)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash(result[["sample_id", "split"]].to_dict("list"))),
        metadata={
            "dagster/row_count": len(result),
            "images by split": counts(result["split"].value_counts().to_dict(), "split"),
            "decided by": counts(result["origin"].value_counts().to_dict(), "origin"),
            "versions": len(history(now)),
            "newcomers": len(result) - len(before),
            "groups of near-duplicates": int((result["group"].value_counts() > 1).sum()),
            "groups that the source spread over splits": table(spanning_groups(result)),
            **app_link(now, view=SPLIT_VIEWS[Split.POOL]),
        },
    )


def _split(now: Project, before: pd.DataFrame) -> pd.DataFrame:
    settings, grouping = now.settings.splits, grouping_of(now)
    if len(before):
        return extend(before, now.ledger.samples(), grouping=grouping)
    samples = now.ledger.samples()
    return cut(samples, sizes_of(now), seed=now.settings.seed, grouping=grouping, from_source=settings.from_source)
