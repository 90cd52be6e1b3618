"""FiftyOne from the plain files: a database that is lost, or was changed by hand, costs minutes and no label."""

from collections.abc import Callable, Collection

import pandas as pd

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.evaluation import append_info, show_evaluation, show_failures, show_predictions
from labelloop.adapters.fiftyone.source_labels import show_source_labels
from labelloop.adapters.files.ledger import HOLDOUT, SOURCE
from labelloop.core.failures import failed
from labelloop.core.vocabulary import HELD_OUT, TEST, Field, eval_key
from labelloop.resources import app
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.final import reported, show_final
from labelloop.resources.golden import GOLDEN_HISTORY, baseline, blind_agreement, blind_entry
from labelloop.resources.links import show_ways_back
from labelloop.resources.name_fields import show_fields_of_names
from labelloop.resources.near_duplicates import stored_groups
from labelloop.resources.patches import show_patches_if_any
from labelloop.resources.project import Project
from labelloop.resources.relabelled import show_relabels
from labelloop.resources.shown import note_source_shown, show_source, show_version
from labelloop.resources.vectors import image_map

ERROR_COLUMNS = ["sample_id", "tp", "fn", "fp"]
SHOWN_OF_REPORT = ("map50", "map50_95", "labels_used", "model", "classes")  # in `dataset.info`

Say = Callable[[str], None]


def rebuild(now: Project, dataset: DatasetResource, say: Say) -> int:
    """Drop the data set and make it again; returns the number of samples.

    Fields, tags and views that people added in the App are not in the files, and are not made again. What they drew
    on a batch that waits there is written to files first. A rebuild that was broken off is mended by the next one.
    """
    in_app = app.batches(now)
    if in_app and app.is_there(now):
        app.keep(now, in_app)
    with dataset.writing(now, say, anew=True) as loop:
        samples = now.ledger.samples_or_empty()
        _show_pool(now, loop, samples)
        say(f"{len(samples)} samples")
        if in_app:
            app.offer(now, loop)
        _show_batches(now, loop, in_app)
        _show_evaluations(now, loop, samples, say)
        show_patches_if_any(now, loop)
        for batch in in_app:
            now.ledger.remove("drawings", batch)
        return len(samples)


def _show_batches(now: Project, loop: LoopDataset, in_app: Collection[str]) -> None:
    """Batches and their labels, in the order in which they lie over each other."""
    iterations = now.ledger.iterations()
    for batch in (SOURCE, HOLDOUT, TEST, *iterations, *now.ledger.relabels()):
        if batch in iterations:
            loop.show_batch(batch, now.ledger.manifest(batch))
        if batch in in_app:
            app.restore(now, loop, batch)
        if batch in iterations:
            _show_iteration(now, loop, batch)
        elif batch in (SOURCE, HOLDOUT) and now.ledger.has_labels(batch):
            _show_labels(now, loop, batch)
    show_relabels(now, loop)
    if now.ledger.has_labels(SOURCE):
        note_source_shown(now, loop)


def _show_evaluations(now: Project, loop: LoopDataset, samples: pd.DataFrame, say: Say) -> None:
    for iteration in now.ledger.iterations():
        if now.ledger.read_or_none("reports", iteration) is not None:
            _show_evaluation(now, loop, iteration, samples)
        say(f"{iteration}: batch, labels and evaluation, as far as they are there")
    for iteration in reported(now):
        show_final(now, loop, iteration)
        say(f"{iteration}: its final report on test")


def _show_pool(now: Project, loop: LoopDataset, samples: pd.DataFrame) -> None:
    loop.add_samples(samples, {row.sample_id: str(now.home.locate(row.path)) for row in samples.itertuples()})
    show_fields_of_names(now, loop)
    if now.settings.sandbox == "off" and len(samples):
        show_source_labels(loop, now.ledger.source_annotations(), samples)
    if now.ledger.has_splits():
        loop.show_splits(now.ledger.splits())
        _show_map(now, loop)
    if now.ledger.has_zcore():
        scores = now.ledger.zcore()
        loop.set_values(Field.ZCORE, dict(zip(scores["sample_id"], scores["zcore"].tolist(), strict=True)))
    groups = stored_groups(now)
    if groups is not None:
        loop.show_near_duplicates(groups)


def _show_map(now: Project, loop: LoopDataset) -> None:
    provider = now.settings.embeddings.provider
    if now.ledger.embedding_version(provider) is None:
        return
    mapped = image_map(now)
    loop.show_map(mapped.ids, mapped.points)


def _show_labels(now: Project, loop: LoopDataset, batch: str) -> None:
    if batch == SOURCE:
        show_source(now, loop)
    else:
        version = now.ledger.label_version(batch)
        show_version(now, loop, batch, version, version.reviewed)
        show_ways_back(now, loop, HOLDOUT)
        append_info(loop, GOLDEN_HISTORY, baseline(now))


def _show_iteration(now: Project, loop: LoopDataset, iteration: str) -> None:
    show_ways_back(now, loop, iteration)
    if now.ledger.has_labels(iteration):
        version, held_out = now.ledger.label_version(iteration), set(now.ledger.in_split(*HELD_OUT))
        own = [sample_id for sample_id in version.reviewed if sample_id not in held_out]
        show_version(now, loop, iteration, version, own)
    if now.ledger.read_or_none("verdicts", iteration) is not None:
        golden = blind_agreement(now, iteration)
        if golden is not None:
            append_info(loop, GOLDEN_HISTORY, blind_entry(iteration, golden))


def _show_evaluation(now: Project, loop: LoopDataset, iteration: str, samples: pd.DataFrame) -> None:
    report = now.ledger.read("reports", iteration)
    errors = pd.DataFrame(report["errors"], columns=ERROR_COLUMNS)
    scored = list(errors["sample_id"])
    show_predictions(loop, iteration, now.ledger.predictions(iteration), samples, scored)
    show_evaluation(loop, iteration, scored, now.settings.evaluate.iou)
    high_fn, high_fp = failed(errors, now.settings.evaluate.top_failures)
    show_failures(loop, iteration, {"fn": high_fn, "fp": high_fp})
    loop.write_info(eval_key(iteration), {key: report[key] for key in SHOWN_OF_REPORT if key in report})
