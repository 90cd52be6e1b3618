"""An iteration's predictions and failures, the way the App shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.vocabulary import Field, eval_key, failure_tag, failures_view, predictions_field


def show_predictions(
    loop: LoopDataset, iteration: str, predictions: pd.DataFrame, samples: pd.DataFrame, sample_ids: Sequence[str]
) -> None:
    """Store the predictions of an iteration in a field of their own: a later one must not break an earlier eval."""
    loop.set_boxes(predictions_field(iteration), predictions, samples, sample_ids)
    _show_only(loop, [Field.HUMAN_LABELS, predictions_field(iteration)])


def show_evaluation(loop: LoopDataset, iteration: str, sample_ids: Sequence[str], iou: float) -> pd.DataFrame:
    """Match predictions with labels for the App; returns sample_id, tp, fp, fn as FiftyOne counts them."""
    key = eval_key(iteration)
    if key in loop.dataset.list_evaluations():
        loop.dataset.delete_evaluation(key)
    view = loop.view_of(sample_ids)
    view.evaluate_detections(
        predictions_field(iteration), gt_field=Field.HUMAN_LABELS, eval_key=key, iou=iou, progress=False
    )
    columns = view.values([Field.SAMPLE_ID, f"{key}_tp", f"{key}_fp", f"{key}_fn"])
    return pd.DataFrame(dict(zip(["sample_id", "tp", "fp", "fn"], columns, strict=True)))


def show_failures(loop: LoopDataset, iteration: str, failures: Mapping[str, Sequence[str]]) -> None:
    """Tag the failed samples by kind (`fn`, `fp`) and save their view, even when it is empty."""
    tags = {kind: failure_tag(kind, iteration) for kind in failures}
    for kind, sample_ids in failures.items():
        loop.replace_tag(tags[kind], sample_ids)
    view = loop.dataset.match_tags(list(tags.values()))
    loop.save_view(failures_view(iteration), view, f"Images on which the model of {iteration} failed")


def append_info(loop: LoopDataset, key: str, entry: Any) -> None:
    """Append to a history in `dataset.info`; an entry that is already last is not repeated."""
    loop.dataset.reload()
    history = list(loop.dataset.info.get(key, []))
    if not history or history[-1] != entry:
        loop.write_info(key, [*history, entry])


def _show_only(loop: LoopDataset, fields: Sequence[str]) -> None:
    """Let the App open with these fields drawn: all iterations at once would be a heap of boxes."""
    import fiftyone.core.odm as foo

    loop.dataset.app_config.active_fields = foo.ActiveFields(exclude=False, paths=[str(field) for field in fields])
    loop.dataset.save()
