"""Report: how good one model is on test, told on demand and written down."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pandas as pd

from labelloop.core.annotation import content_hash
from labelloop.core.errors import MissingStateError
from labelloop.core.failures import failed, image_errors
from labelloop.core.vocabulary import TEST, eval_key, final_name
from labelloop.resources import final, outgoing
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.detector import DetectorResource
from labelloop.resources.evaluated import draw_newest
from labelloop.resources.labelled import Labelled, labelled_test
from labelloop.resources.layers import lay_again
from labelloop.resources.links import links
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.sheets import sheet
from labelloop.resources.stage import CVAT_RETRIES, OWNERS, stage
from labelloop.resources.tables import table
from labelloop.resources.taken import take_labels
from labelloop.resources.unsent import keep_unsent, told_of_kept

MODEL_TAG = "labelloop/model"


class FinalConfig(dg.Config):
    """Which model; the run's tag `labelloop/model` says the same in a terminal."""

    iteration: str = ""  # such as v2; empty takes the newest that has a model


@dg.asset(
    group_name="deliver", owners=OWNERS, kinds={"cvat", "yolo", "fiftyone"}, deps=["splits", "trained_model"],
    output_required=False, retry_policy=CVAT_RETRIES,
)  # fmt: skip
@stage
def final_report(
    context: dg.AssetExecutionContext, config: FinalConfig, project: ProjectResource, dataset: DatasetResource,
    cvat: CvatResource, detector: DetectorResource,
) -> Iterator[dg.MaterializeResult]:  # fmt: skip
    """How good one named model is on test: the one place that reads the labels of test.

    When it is first asked for, test goes to CVAT, and nothing else happens before people have labelled it. Then each
    model is evaluated once for the same labels; whoever asks again is shown the recorded figures. The history says
    who looked, when, and at which model. Predictions are in field `predictions_test_vN`, matches under `eval_test_vN`.
    """
    now = project.current
    iteration, model = final.model_of(now, config.iteration or context.run.tags.get(MODEL_TAG, ""))
    waiting, kept = _labels(context, now, dataset, cvat)
    if waiting:
        context.log.info(str(waiting["status"]))
        context.log_event(dg.AssetObservation(context.asset_key, metadata=waiting))
        return
    known, left_out = labelled_test(now), final.left_out(now)
    truth = known.of(set(known.reviewed) - left_out.keys())
    result = final.recorded(now, iteration, model["model"], final.revision_of(truth))
    evaluated = result is None
    if result is None:
        result = _evaluate(context, now, detector, iteration, model, truth)
    result |= {"left_out": left_out}
    final.record(now, result)
    # Whether or not labels were taken: all of test is shown anew, and evaluating took its time.
    kept += keep_unsent(now, dataset, cvat, TEST, context.log.info, context.log.warning)
    with dataset.writing(now, context.log.info) as loop:
        lay_again(now, loop, TEST)
        draw_newest(now, loop)
    final.looked(now, context.run.run_id, context.run.tags, result, evaluated=evaluated)
    yield _told(now, result, truth, kept)


def _labels(
    context: dg.AssetExecutionContext, now: Project, dataset: DatasetResource, cvat: CvatResource
) -> tuple[dict[str, Any], list[str]]:
    """Have test labelled and take the labels; what people have to do first, or nothing, and which edits were kept.

    Tasks that were reopened after their labels were taken do not hold a report up: the labels of before count until
    the tasks are complete again.
    """
    chosen = final.manifest(now)
    cvat.settle(now, TEST)
    unfit = outgoing.unfit_images(now, outgoing.unsent(now, TEST, chosen["sample_id"]))
    wanted = chosen[~chosen["sample_id"].isin(unfit)]
    if wanted.empty or not set(wanted["sample_id"]) - set(labelled_test(now).reviewed) - _taken(now):
        if now.ledger.has_labels(TEST) and all(task.completed for task in cvat.progress(now, TEST)):
            return {}, _take(context, now, dataset, cvat)
        return {}, []
    sent = cvat.send(now, TEST, wanted, context.log.info)
    open_tasks = [task for task in cvat.progress(now, TEST) if not task.completed]
    if not open_tasks:
        return {}, _take(context, now, dataset, cvat)
    done, total = sum(task.jobs_completed for task in open_tasks), sum(task.jobs_total for task in open_tasks)
    status = (
        f"test is with people: {len(wanted)} images in {len(sent['tasks'])} CVAT tasks, {done} of {total} jobs of the "
        "open ones are done. Set every job to stage acceptance, state completed, then run final_evaluation again."
    )
    return {"status": status, "images": len(wanted), **links(now, sent), **outgoing.told_of_left_out(unfit)}, []


def _taken(now: Project) -> set[str]:
    """Images that people have looked at for the report, those included that are of no use to it."""
    if not now.ledger.has_labels(TEST):
        return set()
    version = now.ledger.label_version(TEST)
    return {*version.reviewed, *version.removed}


def _take(context: dg.AssetExecutionContext, now: Project, dataset: DatasetResource, cvat: CvatResource) -> list[str]:
    return take_labels(now, dataset, cvat, TEST, context.log.info, context.log.warning).kept


def _evaluate(
    context: dg.AssetExecutionContext, now: Project, detector: DetectorResource, iteration: str,
    model: Mapping[str, Any], truth: Labelled,
) -> dict[str, Any]:  # fmt: skip
    if not truth.reviewed:
        raise MissingStateError("No image of test has labels that count", "Complete its tasks in CVAT.")
    started, settings = time.monotonic(), now.settings.evaluate
    predictions = detector.predict(now, model["model"], truth.reviewed, context.log.info)
    metrics = detector.evaluate(now, model["model"], truth)
    errors = image_errors(
        truth.boxes, predictions, truth.reviewed, min_iou=settings.iou, confidence=settings.confidence
    )
    result = {
        "iteration": iteration, "model": model["model"], "labels": final.revision_of(truth),
        "labels_used": model["labels_used"], "images": len(truth.reviewed), "errors": errors.to_dict("records"),
        "seconds": round(time.monotonic() - started, 2), **metrics.figures(),
    }  # fmt: skip
    final.save_predictions(now, result, predictions)
    return result


def _told(now: Project, result: Mapping[str, Any], truth: Labelled, kept: list[str]) -> dg.MaterializeResult:
    iteration = result["iteration"]
    errors = pd.DataFrame(result["errors"], columns=["sample_id", "tp", "fn", "fp"])
    high_fn, high_fp = failed(errors, now.settings.evaluate.top_failures)
    worst = list(dict.fromkeys([*high_fn, *high_fp]))
    on_val = now.ledger.read_or_none("reports", iteration)
    val = {"mAP50 on val": round(on_val["map50"], 4)} if on_val and on_val["model"] == result["model"] else {}
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash([result["model"], result["labels"]])),
        metadata={
            "mAP50": round(result["map50"], 4), "mAP50-95": round(result["map50_95"], 4), **val,
            "precision": round(result["precision"], 4), "recall": round(result["recall"], 4),
            "iteration": iteration, "model": result["model"], "labels": result["labels"],
            "test images": result["images"], "labels used": result["labels_used"], **_left_out(result),
            "per class": table(pd.DataFrame(result["per_class"])),
            "worst images": sheet(now, worst, truth.boxes, final.predictions_of(now, result)),
            "who looked": table(final.history(now)), **told_of_kept(kept),
            "FiftyOne view": f"data set {now.settings.name}, saved view test_set, {eval_key(final_name(iteration))}",
        },
    )  # fmt: skip


def _left_out(result: Mapping[str, Any]) -> dict[str, Any]:
    """Images of test that the figures say nothing about."""
    rows = pd.DataFrame(list(result["left_out"].items()), columns=["sample_id", "reason"])
    return {"test images left out": table(rows)} if len(rows) else {}
