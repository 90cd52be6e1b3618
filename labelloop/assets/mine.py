"""Mine: the failures of a model choose what people label next, or end the loop."""

import math
from dataclasses import replace

import dagster as dg
import numpy as np
import pandas as pd

from labelloop.core.annotation import content_hash
from labelloop.core.stopping import StopRules, gain_per_100_labels, stop_reason
from labelloop.core.vocabulary import failures_view, iteration_number, next_iteration
from labelloop.partitions import ITERATIONS
from labelloop.resources.choosing import Choice, choose_batch
from labelloop.resources.detector import DetectorResource
from labelloop.resources.embedded import require_current_scores
from labelloop.resources.lesson import measure
from labelloop.resources.links import app_link
from labelloop.resources.pool import remaining_pool
from labelloop.resources.pool_predictions import report_pool_predictions
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.stage import OWNERS, stage
from labelloop.resources.tables import counts, table


@dg.asset(
    group_name="iteration", owners=OWNERS, kinds={"numpy"}, partitions_def=ITERATIONS,
    deps=["eval_report", "embeddings", "zcore_scores", "pool_predictions"],
)  # fmt: skip
@stage
def failure_mined_batch(
    context: dg.AssetExecutionContext, project: ProjectResource, detector: DetectorResource
) -> dg.MaterializeResult:
    """The selection for the next iteration: part coverage, part images that look like the failures of this model.

    `batch.strategy` in labelloop.yaml may name another query strategy; one that asks how unsure the model is has it
    predict on the pool first. The quota is met exactly: where a strategy runs dry, coverage fills it and the reason
    says so. When a stopping rule holds there is no selection but the reason why the loop stops.
    """
    iteration = context.partition_key
    now = project.current
    require_current_scores(now)
    upcoming = next_iteration(iteration)
    pool = remaining_pool(now, before=upcoming)
    stopped = stop_reason(_history(now, iteration), len(pool), _rules(now))
    rows = pd.DataFrame() if stopped else choose_batch(now, detector, Choice(upcoming), context.log.info)
    report_pool_predictions(context, now, iteration)
    version = now.ledger.embedding_version(now.settings.embeddings.provider)
    selection = {"stopped": stopped, "rows": rows.to_dict("records"), "embeddings": version}
    selection |= {} if stopped else {"strategy": now.settings.batch.strategy}
    now.ledger.write("selections", upcoming, selection)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash(selection)),
        metadata={
            "dagster/row_count": len(rows),
            "loop": f"stops: {stopped}" if stopped else f"goes on with {upcoming}",
            "remaining in the pool": len(pool),
            "strategy": now.settings.batch.strategy,
            "mAP50 per 100 labels": _last_gain(now, iteration),
            "images by source": counts({} if rows.empty else rows["source"].value_counts().to_dict(), "source"),
            "selection": table(rows),
            **app_link(now, view=failures_view(iteration)),
        },
    )


def _rules(now: Project) -> StopRules:
    """The rules of labelloop.yaml; no figure reaches the target while it leaves a class out."""
    rules = StopRules(**now.settings.stop.model_dump())
    return replace(rules, target_map50=math.inf) if measure(now).waiting else rules


def _history(now: Project, iteration: str) -> pd.DataFrame:
    """Reports up to this iteration: a later one must not end an earlier one's loop when it is run again."""
    reports = now.ledger.reports()
    return reports[reports["iteration"].map(iteration_number) <= iteration_number(iteration)]


def _last_gain(now: Project, iteration: str) -> float:
    gains = gain_per_100_labels(_history(now, iteration))
    return round(float(gains.iloc[-1]), 4) if len(gains) and np.isfinite(gains.iloc[-1]) else 0.0
