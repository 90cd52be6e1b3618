"""Split: which samples are held out, decided once and for good."""

import dagster as dg
import pandas as pd

from labelloop.core.annotation import content_hash
from labelloop.core.splits import Grouping, SplitSize, SplitSizes, cut, extend, spanning_groups
from labelloop.core.vocabulary import SPLIT_VIEWS, Split
from labelloop.resources.dataset import DatasetResource
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
    it has seen.
    """
    now = project.current
    before = now.ledger.splits() if now.ledger.has_splits() else pd.DataFrame({"sample_id": []})
    result = _split(now, before)
    now.ledger.save_splits(result)
    with dataset.writing(now, context.log.info) as loop:
        loop.show_splits(result)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash(result[["sample_id", "split"]].to_dict("list"))),
        metadata={
            "dagster/row_count": len(result),
            "images by split": counts(result["split"].value_counts().to_dict(), "split"),
            "decided by": counts(result["origin"].value_counts().to_dict(), "origin"),
            "newcomers": len(result) - len(before),
            "groups of near-duplicates": int((result["group"].value_counts() > 1).sum()),
            "groups that the source spread over splits": table(spanning_groups(result)),
            **app_link(now, SPLIT_VIEWS[Split.POOL]),
        },
    )


def _split(now: Project, before: pd.DataFrame) -> pd.DataFrame:
    settings = now.settings.splits
    grouping = Grouping(settings.duplicate_distance, settings.group_by)
    if len(before):
        return extend(before, now.ledger.samples(), grouping=grouping)
    sizes = SplitSizes(
        val=SplitSize(settings.val, settings.val_max),
        golden=SplitSize(settings.golden, settings.golden_max),
        test=SplitSize(settings.test, settings.test_max),
    )
    samples = now.ledger.samples()
    return cut(samples, sizes, seed=now.settings.seed, grouping=grouping, from_source=settings.from_source)
