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
    """Match predictions with labels for the App; returns sample_id, tp, fp, fn as FiftyOne counts them.

    FiftyOne matches, and keeps the evaluation under its key. What it found is written here, in bulk: by itself it saves
    image by image, and that took longer than all the rest.
    """
    key, truth, found = eval_key(iteration), str(Field.HUMAN_LABELS), predictions_field(iteration)
    if key in loop.dataset.list_evaluations():
        loop.dataset.delete_evaluation(key)
    view = loop.view_of(sample_ids)
    results = view.evaluate_detections(found, gt_field=truth, iou=iou, progress=False)
    method = results.config.build()
    method.register_run(view, key)
    method.register_samples(view, key)
    pairs = list(zip(results.ytrue_ids, results.ypred_ids, results.ious, strict=True))
    tp, fn = _write_matches(view, key, truth, {true: (other, at) for true, other, at in pairs if other}, "fn")
    _, fp = _write_matches(view, key, found, {other: (true, at) for true, other, at in pairs if true}, "fp")
    for outcome, counts in (("tp", tp), ("fp", fp), ("fn", fn)):
        view.set_values(f"{key}_{outcome}", counts)
    method.save_run_results(view, key, results)
    method.add_fields_to_sidebar_group(view, key, omit_fields=(found, truth))
    return pd.DataFrame({"sample_id": view.values(Field.SAMPLE_ID), "tp": tp, "fp": fp, "fn": fn})


def _write_matches(
    view: Any, key: str, field: str, matched: Mapping[str, tuple[str, float]], unmatched: str
) -> tuple[list[int], list[int]]:
    """Tell each object what it was matched with; returns how many of each image were, and how many were not."""
    objects = f"{field}.detections"
    ids: list[list[str]] = [own or [] for own in view.values(f"{objects}.id")]
    view.set_values(f"{objects}.{key}", [["tp" if one in matched else unmatched for one in own] for own in ids])
    view.set_values(f"{objects}.{key}_id", [[matched.get(one, ("", None))[0] for one in own] for own in ids])
    view.set_values(f"{objects}.{key}_iou", [[matched.get(one, ("", None))[1] for one in own] for own in ids])
    hits = [sum(one in matched for one in own) for own in ids]
    return hits, [len(own) - hit for own, hit in zip(ids, hits, strict=True)]


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
