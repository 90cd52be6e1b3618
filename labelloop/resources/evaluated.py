"""Evaluations of models as the App shows them: predictions, matches with today's labels, failures."""

from collections.abc import Collection

import pandas as pd

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.evaluation import draw_first, show_evaluation, show_failures, show_predictions
from labelloop.core.failures import failed
from labelloop.core.vocabulary import Split, eval_key, final_name
from labelloop.resources import final
from labelloop.resources.project import Project

ERROR_COLUMNS = ["sample_id", "tp", "fn", "fp"]
SHOWN_OF_REPORT = ("map50", "map50_95", "labels_used", "model", "classes")  # in `dataset.info`


def evaluated(now: Project) -> list[str]:
    """Iterations that have a report, in order."""
    return [iteration for iteration in now.ledger.iterations() if now.ledger.read_or_none("reports", iteration)]


def show_report(now: Project, loop: LoopDataset, iteration: str) -> None:
    """The evaluation of an iteration's model on val, from its report and its predictions."""
    report, samples = now.ledger.read("reports", iteration), now.ledger.samples()
    errors = _errors(now, iteration)
    scored = list(errors["sample_id"])
    show_predictions(loop, iteration, now.ledger.predictions(iteration), samples, scored)
    show_evaluation(loop, iteration, scored, now.settings.evaluate.iou)
    high_fn, high_fp = failed(errors, now.settings.evaluate.top_failures)
    show_failures(loop, iteration, {"fn": high_fn, "fp": high_fp})
    loop.write_info(eval_key(iteration), {key: report[key] for key in SHOWN_OF_REPORT if key in report})
    draw_newest(now, loop)


def draw_newest(now: Project, loop: LoopDataset) -> None:
    """Let the App open with what the newest models predicted, on val and on test."""
    draw_first(loop, [*evaluated(now)[-1:], *map(final_name, final.reported(now)[-1:])])


def match_again(now: Project, loop: LoopDataset, sample_ids: Collection[str]) -> None:
    """Labels of some images were shown anew: match predictions on them anew, for matches are kept with the labels."""
    for iteration in evaluated(now):
        scored = list(_errors(now, iteration)["sample_id"])
        if not set(sample_ids).isdisjoint(scored):
            show_evaluation(loop, iteration, scored, now.settings.evaluate.iou)
    reported = final.reported(now)
    if reported and not set(sample_ids).isdisjoint(now.ledger.in_split(Split.TEST)):
        for iteration in reported:
            final.show_result(now, loop, iteration)


def _errors(now: Project, iteration: str) -> pd.DataFrame:
    return pd.DataFrame(now.ledger.read("reports", iteration)["errors"], columns=ERROR_COLUMNS)
