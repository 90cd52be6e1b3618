"""Evaluate: how good the model of an iteration is on val, and where it fails."""

import time

import dagster as dg

from labelloop.adapters.files.ledger import HOLDOUT
from labelloop.adapters.report.charts import learning_curve_image
from labelloop.core.annotation import content_hash
from labelloop.core.errors import MissingStateError
from labelloop.core.failures import failed, image_errors
from labelloop.core.summary import Turn
from labelloop.core.vocabulary import failures_view, iteration_number
from labelloop.partitions import ITERATIONS
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.detector import DetectorResource
from labelloop.resources.evaluated import show_report
from labelloop.resources.history import turns
from labelloop.resources.lesson import Lesson, measure, yardstick
from labelloop.resources.links import app_link
from labelloop.resources.patches import show_patches_if_any
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.sheets import sheet
from labelloop.resources.stage import OWNERS, stage
from labelloop.resources.tables import picture, table


@dg.asset(
    group_name="iteration", owners=OWNERS, kinds={"yolo", "fiftyone"}, partitions_def=ITERATIONS,
    deps=["trained_model", "annotated_holdout"],
)  # fmt: skip
@stage
def eval_report(
    context: dg.AssetExecutionContext, project: ProjectResource, dataset: DatasetResource, detector: DetectorResource
) -> dg.MaterializeResult:
    """The mAP of this iteration's model on val, class by class, and the images on which it fails.

    Predictions are kept in field `predictions_vN`, matches under eval key `eval_vN`. Only images with an error are
    tagged `failure:high_fn:vN` or `failure:high_fp:vN`; view `eval_vN_failures` shows them. A class that nobody
    looked for on val yet is no part of the figures, and the report says so.
    """
    iteration = context.partition_key
    now = project.current
    started = time.monotonic()
    model = now.ledger.read("models", iteration)
    val = _val(now)
    truth = val.data
    predictions = detector.predict(now, model["model"], truth.reviewed, context.log.info)
    predictions = predictions[predictions["label"].isin(val.classes)].reset_index(drop=True)
    metrics = detector.evaluate(now, model["model"], truth)
    settings = now.settings.evaluate
    errors = image_errors(
        truth.boxes, predictions, truth.reviewed, min_iou=settings.iou, confidence=settings.confidence
    )
    high_fn, high_fp = failed(errors, settings.top_failures)
    now.ledger.save_predictions(iteration, predictions)
    seconds = time.monotonic() - started
    report = _report(now, iteration, model, val, metrics.figures() | {"errors": errors.to_dict("records")}, seconds)
    now.ledger.write("reports", iteration, report)
    with dataset.writing(now, context.log.info) as loop:
        show_report(now, loop, iteration)
        show_patches_if_any(now, loop)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash([report["model"], report["map50"], report["errors"]])),
        metadata={
            "mAP50": round(report["map50"], 4), "mAP50-95": round(report["map50_95"], 4),
            "precision": round(report["precision"], 4), "recall": round(report["recall"], 4),
            "labels used": report["labels_used"], "val images": len(truth.reviewed), "seconds": report["seconds"],
            **app_link(now, view=failures_view(iteration)),
            "learning curve": picture(learning_curve_image(_turns_up_to(now, iteration)), "svg+xml"),
            "classes measured": ", ".join(val.classes), "not looked for on val": ", ".join(val.waiting) or "none",
            "per class": table(metrics.per_class.assign(measured=metrics.per_class["label"].isin(val.classes))),
            "precision and recall": picture(detector.pr_picture(metrics)),
            "confusion": picture(detector.confusion_picture(metrics)),
            "images with missed objects": int((errors["fn"] > 0).sum()),
            "images with false detections": int((errors["fp"] > 0).sum()),
            "worst images": sheet(now, list(dict.fromkeys([*high_fn, *high_fp])), truth.boxes, predictions),
        },
    )  # fmt: skip


def _turns_up_to(now: Project, iteration: str) -> list[Turn]:
    """The iterations so far: one that is evaluated again does not show what came later."""
    return [turn for turn in turns(now) if iteration_number(turn.iteration) <= iteration_number(iteration)]


def _val(now: Project) -> Lesson:
    val = measure(now)
    if not val.data.reviewed:
        raise MissingStateError(
            "No val image has labels, so nothing can be scored",
            "Run send_holdout, annotate its tasks in CVAT, then run take_holdout.",
        )
    return val


def _report(now: Project, iteration: str, model: dict, val: Lesson, figures: dict, seconds: float) -> dict:
    # The labels that the model has learnt from: measured again, it is still the model of those.
    return {
        "iteration": iteration, "model": model["model"], "labels_used": model["labels_used"],
        "revision": model.get("revision", now.ledger.revision(iteration)),
        "holdout": now.ledger.revision(HOLDOUT) if now.ledger.has_labels(HOLDOUT) else "source",
        "yardstick": yardstick(val), "val_images": len(val.data.reviewed), "classes": list(val.classes),
        "seconds": round(seconds, 2), **figures,
    }  # fmt: skip
