"""What the newest model sees on the images that nobody has labelled: a file, made when something needs it."""

from collections.abc import Sequence

import dagster as dg
import numpy as np
import pandas as pd

from labelloop.core.annotation import content_hash
from labelloop.core.vocabulary import ITERATION
from labelloop.resources.detector import DetectorResource, Log
from labelloop.resources.project import Project
from labelloop.resources.tables import counts

FOLDER = "pool_predictions"  # also the name of the asset
DATA_VERSION = "dagster/data_version"
_CONFIDENCE = 0.05  # a strategy asks how unsure a model is, so it has to hear what the model hardly believes


def pool_predictions(
    now: Project, detector: DetectorResource, iteration: str, sample_ids: Sequence[str], log: Log
) -> pd.DataFrame:
    """Predictions of the model of an iteration on these images; those of before when model and images are the same.

    Raises:
        MissingStateError: If the iteration has no model yet.
    """
    model, ids = now.ledger.read("models", iteration)["model"], sorted(sample_ids)
    made = {"model": model, "confidence": _CONFIDENCE, "images": len(ids), "of": content_hash(ids)}
    if now.ledger.read_or_none(FOLDER, iteration) != made:
        log(f"the model of {iteration} predicts on {len(ids)} images of the pool")
        found = detector.predict(now, model, ids, log, confidence=_CONFIDENCE)
        # The record goes first and comes last: it never speaks of other predictions than those beside it.
        now.ledger.remove(FOLDER, iteration)
        now.ledger.save_predictions(iteration, found, FOLDER)
        now.ledger.write(FOLDER, iteration, made)
    return now.ledger.predictions(iteration, FOLDER)


def report_pool_predictions(context: dg.AssetExecutionContext, now: Project, iteration: str | None) -> None:
    """Tell Dagster of the predictions of an iteration, if there are any that it has not heard of.

    The file decides, not who made it: what a run made that died before it could tell is told by the next one.
    """
    made = now.ledger.read_or_none(FOLDER, iteration) if iteration else None
    if iteration is None or made is None or content_hash(made) == _told(context.instance, iteration):
        return
    context.instance.add_dynamic_partitions(ITERATION, [iteration])
    figures = {name: made[name] for name in ("model", "images", "confidence")}
    figures |= _figures(now.ledger.predictions(iteration, FOLDER))
    tags = {DATA_VERSION: content_hash(made)}
    context.log_event(dg.AssetMaterialization(FOLDER, partition=iteration, metadata=figures, tags=tags))


def _told(instance: dg.DagsterInstance, iteration: str) -> str | None:
    """Version of the predictions of which Dagster heard last."""
    of_iteration = dg.AssetRecordsFilter(dg.AssetKey(FOLDER), asset_partitions=[iteration])
    found = instance.fetch_materializations(of_iteration, limit=1).records
    event = found[0].asset_materialization if found else None
    return (event.tags or {}).get(DATA_VERSION) if event else None


def _figures(found: pd.DataFrame) -> dict[str, dg.MetadataValue | int]:
    boxes, edges = np.histogram(found["score"], bins=10, range=(0, 1))
    by_score = {f"{low:.1f} to {low + 0.1:.1f}": int(count) for low, count in zip(edges[:-1], boxes, strict=True)}
    return {
        "dagster/row_count": len(found),
        "images with a box": int(found["sample_id"].nunique()),
        "boxes by class": counts(found["label"].value_counts().to_dict(), "class"),
        "boxes by score": counts(by_score, "score"),
    }
