"""What the newest model sees on the images that nobody has labelled: a file, made when something needs it."""

from collections.abc import Sequence

import pandas as pd

from labelloop.core.annotation import content_hash
from labelloop.resources.detector import DetectorResource, Log
from labelloop.resources.project import Project

FOLDER = "pool_predictions"
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
