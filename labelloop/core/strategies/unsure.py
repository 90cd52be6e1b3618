"""From box scores to image scores, and to a batch: what the strategies share that ask how unsure a model is.

An image's score is the sum over its boxes, the best of the aggregations compared by Brust, Käding, Denzler, "Active
Learning for Deep Object Detection", VISAPP 2019, arXiv 1809.09875. It favours crowded images, and rightly so where the
budget counts images. An image without a predicted box scores 0: such images fill the quota, by coverage.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from labelloop.core.batch import Candidate
from labelloop.core.selection import coverage_ranking
from labelloop.core.strategies.query import Query
from labelloop.core.vocabulary import Source

_BLIND = "fills the quota: the model sees nothing on it to be unsure of"


def by_uncertainty(query: Query, boxes: pd.DataFrame, unsure: np.ndarray, measure: str) -> pd.DataFrame:
    """Manifest of the images whose boxes are the most uncertain in sum; ties by coverage, then by sample id.

    Args:
        query: The pool.
        boxes: Predictions; those on other images do not count.
        unsure: Uncertainty of each box, (B,), 0 for none.
        measure: What it is called.
    """
    query = query.in_order()
    ordered = boxes.assign(unsure=unsure).sort_values(["sample_id", "unsure"], kind="stable")
    total, count = ordered.groupby("sample_id")["unsure"].sum(), ordered.groupby("sample_id").size()
    return query.manifest(_candidates(query, total, count, measure))


def _candidates(query: Query, total: pd.Series, count: pd.Series, measure: str) -> Iterator[Candidate]:
    zcore = coverage_ranking(query.pool.zcore)
    scores = total.reindex(zcore.index).fillna(0.0).round(9).sort_values(ascending=False, kind="stable")
    for sample_id, score in scores.items():
        if score > 0:
            reason = f"the model is unsure ({measure} {score:.2f} over its boxes, {count[sample_id]} in all)"
            yield Candidate(str(sample_id), Source.UNCERTAINTY, float(score), reason)
        else:
            yield Candidate(str(sample_id), Source.BACKFILL, float(zcore[sample_id]), _BLIND)
