"""FiftyOne from the plain files: a database that is lost, or was changed by hand, costs minutes and no label."""

from collections.abc import Callable, Collection

import pandas as pd

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.source_labels import show_source_labels
from labelloop.adapters.files.ledger import SOURCE
from labelloop.core.vocabulary import Field
from labelloop.resources import app
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.evaluated import draw_newest, evaluated, show_report
from labelloop.resources.final import reported, show_result
from labelloop.resources.golden import show_golden_history
from labelloop.resources.layers import lay, layers
from labelloop.resources.name_fields import show_fields_of_names
from labelloop.resources.near_duplicates import stored_groups
from labelloop.resources.patches import show_patches_if_any
from labelloop.resources.project import Project
from labelloop.resources.shown import note_source_shown
from labelloop.resources.vectors import image_map

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
        _show_evaluations(now, loop, say)
        show_patches_if_any(now, loop)
        for batch in in_app:
            now.ledger.remove("drawings", batch)
        return len(samples)


def _show_batches(now: Project, loop: LoopDataset, in_app: Collection[str]) -> None:
    """Batches and their labels, in the order in which they lie over each other."""
    for batch in layers(now):
        if batch in now.ledger.iterations():
            loop.show_batch(batch, now.ledger.manifest(batch))
        if batch in in_app:
            app.restore(now, loop, batch)
        lay(now, loop, batch)
    show_golden_history(now, loop)
    if now.ledger.has_labels(SOURCE):
        note_source_shown(now, loop)


def _show_evaluations(now: Project, loop: LoopDataset, say: Say) -> None:
    for iteration in now.ledger.iterations():
        if iteration in evaluated(now):
            show_report(now, loop, iteration)
        say(f"{iteration}: batch, labels and evaluation, as far as they are there")
    for iteration in reported(now):
        show_result(now, loop, iteration)
        say(f"{iteration}: its final report on test")
    draw_newest(now, loop)


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
