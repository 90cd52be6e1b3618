"""An iteration's predictions and failures, the way the App shows them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.core.boxes import as_boxes, match
from labelloop.core.vocabulary import Field, eval_key, failure_tag, failures_view, predictions_field


def show_predictions(
    loop: LoopDataset, iteration: str, predictions: pd.DataFrame, samples: pd.DataFrame, sample_ids: Sequence[str]
) -> None:
    """Store the predictions of an iteration in a field of their own: a later one must not break an earlier eval."""
    loop.keep_only(predictions_field(iteration), sample_ids)
    loop.set_boxes(predictions_field(iteration), predictions, samples, sample_ids)


def show_evaluation(loop: LoopDataset, iteration: str, sample_ids: Sequence[str], iou: float) -> pd.DataFrame:
    """Match predictions with labels for the App; returns sample_id, tp, fp, fn of each image.

    What `evaluate_detections` of FiftyOne does with boxes, and stores under its key; only that it makes a document of
    every box, several times, and saves image by image, which took longer than all the rest of an evaluation.
    """
    from fiftyone.utils.eval.coco import COCOEvaluationConfig

    key, truth, found = eval_key(iteration), str(Field.HUMAN_LABELS), predictions_field(iteration)
    if key in loop.dataset.list_evaluations():
        loop.dataset.delete_evaluation(key)
    view = loop.view_of(sample_ids)
    method = COCOEvaluationConfig(found, truth, iou=iou, classwise=True).build()
    method.register_run(view, key)
    method.register_samples(view, key)
    images = zip(_objects(view, truth), _objects(view, found), strict=True)
    rows = [row for true, predicted in images for row in _rows(true, predicted, iou)]
    pairs = [(true, other, at) for _, _, at, _, true, other in rows if true and other]
    tp, fn = _write_matches(view, key, truth, {true: (other, at) for true, other, at in pairs}, "fn")
    _, fp = _write_matches(view, key, found, {other: (true, at) for true, other, at in pairs}, "fp")
    for outcome, counts in (("tp", tp), ("fp", fp), ("fn", fn)):
        view.set_values(f"{key}_{outcome}", counts)
    method.save_run_results(view, key, method.generate_results(view, rows))
    method.add_fields_to_sidebar_group(view, key, omit_fields=(found, truth))
    return pd.DataFrame({"sample_id": view.values(Field.SAMPLE_ID), "tp": tp, "fp": fp, "fn": fn})


class _Objects(NamedTuple):
    """The boxes of one field on one image; `confidence` is None for those that people drew."""

    ids: Sequence[str]
    labels: Sequence[str]
    boxes: NDArray[np.float64]
    confidence: Sequence[float | None]


def _objects(view: Any, field: str) -> list[_Objects]:
    paths = [f"{field}.detections.{name}" for name in ("id", "label", "bounding_box", "confidence")]
    return [
        _Objects(ids or [], labels or [], _corners(boxes or []), confidence or [])
        for ids, labels, boxes, confidence in zip(*view.values(paths), strict=True)
    ]


def _corners(boxes: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Left, top, right, bottom of boxes that are stored as left, top, width, height."""
    stored = as_boxes(boxes)
    return np.hstack([stored[:, :2], stored[:, :2] + stored[:, 2:]])


def _rows(true: _Objects, found: _Objects, iou: float) -> list[tuple]:
    """What FiftyOne keeps of an image: both labels, overlap, confidence, both ids; None where there is no partner."""
    scores = [value or 0.0 for value in found.confidence]
    matches = match(true.boxes, true.labels, found.boxes, found.labels, scores, iou)
    both = [
        (true.labels[a], found.labels[b], float(at), found.confidence[b], true.ids[a], found.ids[b])
        for (a, b), at in zip(matches.pairs, matches.ious, strict=True)
    ]
    spurious = [(None, found.labels[b], None, found.confidence[b], None, found.ids[b]) for b in matches.spurious]
    missed = [(true.labels[a], None, None, None, true.ids[a], None) for a in matches.missed]
    return [*both, *spurious, *missed]


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


def draw_first(loop: LoopDataset, iterations: Sequence[str]) -> None:
    """Let the App open with labels and these predictions drawn: those of all iterations would be a heap of boxes."""
    import fiftyone.core.odm as foo

    active = loop.dataset.app_config.active_fields
    before = list(active.paths or []) if active is not None and not active.exclude else []
    own = [field for field in before if not field.startswith(predictions_field(""))] or [str(Field.HUMAN_LABELS)]
    fields = [*own, *map(predictions_field, iterations)]
    if fields != before:
        loop.dataset.app_config.active_fields = foo.ActiveFields(exclude=False, paths=fields)
        loop.dataset.save()
