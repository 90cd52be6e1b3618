"""What a model got wrong, image by image: the raw material of the next batch."""

from collections.abc import Iterable

import pandas as pd

from labelloop.core.boxes import CORNERS, as_boxes, match


def image_errors(
    truth: pd.DataFrame, predictions: pd.DataFrame, sample_ids: Iterable[str], *, min_iou: float, confidence: float
) -> pd.DataFrame:
    """Objects found, missed and invented in each image that people have reviewed.

    Args:
        truth: Labels frame, confirmed by people.
        predictions: Labels frame with `score`.
        sample_ids: Reviewed images; those in which people found nothing are among them.
        min_iou: Overlap from which a prediction meets a label.
        confidence: Predictions below this do not count.

    Returns:
        One row for each of `sample_ids`, sorted: `sample_id, tp, fn, fp`; rows of zeros included.
    """
    confident = predictions[predictions["score"] >= confidence]
    true_of, found_of = dict(list(truth.groupby("sample_id"))), dict(list(confident.groupby("sample_id")))
    nothing = truth.iloc[:0], confident.iloc[:0]
    rows = []
    for sample_id in sorted(set(sample_ids)):
        true, found = true_of.get(sample_id, nothing[0]), found_of.get(sample_id, nothing[1])
        matches = match(
            as_boxes(true[CORNERS]), true["label"].tolist(),
            as_boxes(found[CORNERS]), found["label"].tolist(), found["score"], min_iou,
        )  # fmt: skip
        rows.append((sample_id, len(matches.pairs), len(matches.missed), len(matches.spurious)))
    return pd.DataFrame(rows, columns=["sample_id", "tp", "fn", "fp"])


def failed(errors: pd.DataFrame, top: int) -> tuple[list[str], list[str]]:
    """Ids of the images with the most missed and with the most invented objects, worst first.

    Args:
        errors: What `image_errors` returned.
        top: Most ids in each list; an image without such an error is in neither.
    """
    return _worst(errors, "fn", top), _worst(errors, "fp", top)


def _worst(errors: pd.DataFrame, kind: str, top: int) -> list[str]:
    wrong = errors[errors[kind] > 0].sort_values("sample_id").sort_values(kind, ascending=False, kind="stable")
    return [str(sample_id) for sample_id in wrong["sample_id"].head(top)]
