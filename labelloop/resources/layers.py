"""Labels of several batches on the same images: in FiftyOne the later lie over the earlier, as `labelled` reads them.

Whoever takes labels shows the images of that batch anew, with all that lies below and above and what follows from it,
so that FiftyOne shows what `labelloop rebuild` would make of the files.
"""

from collections.abc import Collection, Iterator

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
        version = now.ledger.label_version(batch)
        if batch in now.ledger.relabels() and not app.is_in_app(now, batch):
            # What people said of them before does not count any more: see `labelled`. What they draw in the App stays.
            gone = set(version.removed).difference(*_drawn_in_app(now).values())
            _forget_labels(now, loop, gone if only is None else gone.intersection(only))
        show_version(now, loop, batch, version, shown_of(now, batch), only)


def lay_again(now: Project, loop: LoopDataset, *batches: str) -> None:
    """Show labels that were just taken, whatever lies over or under them, and what follows from them.

    What people draw in the App is in FiftyOne alone: nothing that lies below is written over it.
    """
    touched = {sample_id for batch in batches for sample_id in _images(now, batch)}
    _forget(now, loop, touched.difference(*_drawn_in_app(now).values()))
    for batch, images in _by_layer(now, touched):
        lay(now, loop, batch, images)
    match_again(now, loop, touched)
    show_patches_if_any(now, loop)


def laid_anew(now: Project, batch: str, incoming: Collection[str] = ()) -> dict[str, set[str]]:
    """Images that `lay_again` shows anew when labels of a batch are taken, by each batch that has labels of them.

    Args:
        now: The project.
        batch: The batch.
        incoming: Images that come into it now.
    """
    touched = _images(now, batch).union(incoming)
    labelled = ((name, images) for name, images in _by_layer(now, touched) if now.ledger.has_labels(name))
    found = {name: _images(now, name) & images for name, images in labelled}
    return {name: images for name, images in found.items() if images}


def _by_layer(now: Project, touched: set[str]) -> Iterator[tuple[str, set[str]]]:
    """Each batch in order with those of some images on which nothing lies above that is drawn in the App."""
    drawn, order = _drawn_in_app(now), layers(now)
    for place, batch in enumerate(order, start=1):
        yield batch, touched.difference(*(drawn[name] for name in order[place:] if name in drawn))


def _drawn_in_app(now: Project) -> dict[str, set[str]]:
    return {name: _images(now, name) for name in app.batches(now)}


def _forget(now: Project, loop: LoopDataset, sample_ids: Collection[str]) -> None:
    """Take away what nobody says any more: an image was removed in CVAT, or is in no task any more."""
    back = [batch for batch in layers(now) if batch != TEST and now.ledger.has_labels(batch)]
    said = {sample_id for batch in back for sample_id in shown_of(now, batch)} | final.truth_images(now)
    _forget_labels(now, loop, set(sample_ids) - said)


def _forget_labels(now: Project, loop: LoopDataset, gone: Collection[str]) -> None:
    """Let images be as nobody ever labelled them; they still are in the batches that they were chosen for."""
    if not gone:
        return
    loop.forget_labels(gone)
    for iteration in now.ledger.iterations():
        manifest = now.ledger.manifest(iteration)
        if not set(gone).isdisjoint(manifest["sample_id"]):
            loop.show_batch(iteration, manifest)


def _images(now: Project, batch: str) -> set[str]:
    """Images about which a batch says something, or may have said something before."""
    if batch == SOURCE:
        return pulled_samples(now)
    if batch == TEST:
        return set(now.ledger.in_split(Split.TEST))
    held_out = set(now.ledger.in_split(*HELD_OUT)) if ITERATION_PATTERN.fullmatch(batch) else set()
    return set(now.ledger.manifest(batch)["sample_id"]) - held_out
