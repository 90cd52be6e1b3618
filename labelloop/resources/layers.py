"""Labels of several batches on the same images: in FiftyOne the later lie over the earlier, as `labelled` reads them.

Whoever takes labels shows the images of that batch anew, with all that lies below and above and what follows from it,
so that FiftyOne shows what `labelloop rebuild` would make of the files.
"""

from collections.abc import Collection

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.files.ledger import HOLDOUT, SOURCE
from labelloop.core.vocabulary import HELD_OUT, ITERATION_PATTERN, TEST, Split
from labelloop.resources import app, final
from labelloop.resources.evaluated import match_again
from labelloop.resources.links import show_ways_back
from labelloop.resources.patches import show_patches_if_any
from labelloop.resources.project import Project
from labelloop.resources.pulled_images import pulled_samples
from labelloop.resources.shown import show_version, shown_of


def layers(now: Project) -> list[str]:
    """All batches, in the order in which their labels lie over each other."""
    return [SOURCE, HOLDOUT, *now.ledger.iterations(), *now.ledger.relabels(), TEST]


def lay(now: Project, loop: LoopDataset, batch: str, only: Collection[str] | None = None) -> None:
    """Show the labels of a batch, or those of some images, over what is there; those of test once they are reported."""
    if batch == TEST:
        if final.reported(now):
            final.show_truth(now, loop, only)
        return
    if ITERATION_PATTERN.fullmatch(batch) or (batch == HOLDOUT and now.ledger.has_labels(HOLDOUT)):
        show_ways_back(now, loop, batch, only)
    if now.ledger.has_labels(batch):
        show_version(now, loop, batch, now.ledger.label_version(batch), shown_of(now, batch), only)


def lay_again(now: Project, loop: LoopDataset, *batches: str) -> None:
    """Show labels that were just taken, whatever lies over or under them, and what follows from them.

    What people draw in the App is in FiftyOne alone: nothing that lies below is written over it.
    """
    touched = {sample_id for batch in batches for sample_id in _images(now, batch)}
    drawn = {name: _images(now, name) for name in app.batches(now)}
    order = layers(now)
    _forget(now, loop, touched.difference(*drawn.values()))
    for place, batch in enumerate(order, start=1):
        above = (drawn[name] for name in order[place:] if name in drawn)
        lay(now, loop, batch, touched.difference(*above))
    match_again(now, loop, touched)
    show_patches_if_any(now, loop)


def _forget(now: Project, loop: LoopDataset, sample_ids: Collection[str]) -> None:
    """Take away what nobody says any more: an image was removed in CVAT, or is in no task any more."""
    back = [batch for batch in layers(now) if batch != TEST and now.ledger.has_labels(batch)]
    said = {sample_id for batch in back for sample_id in shown_of(now, batch)} | final.truth_images(now)
    gone = set(sample_ids) - said
    if not gone:
        return
    loop.forget_labels(gone)
    for iteration in now.ledger.iterations():
        manifest = now.ledger.manifest(iteration)
        if not gone.isdisjoint(manifest["sample_id"]):
            loop.show_batch(iteration, manifest)


def _images(now: Project, batch: str) -> set[str]:
    """Images about which a batch says something, or may have said something before."""
    if batch == SOURCE:
        return pulled_samples(now)
    if batch == TEST:
        return set(now.ledger.in_split(Split.TEST))
    held_out = set(now.ledger.in_split(*HELD_OUT)) if ITERATION_PATTERN.fullmatch(batch) else set()
    return set(now.ledger.manifest(batch)["sample_id"]) - held_out
