"""Edits of the App that nobody brought to CVAT, kept before labels that are taken again are shown over them."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.edits import as_they_are, show_just
from labelloop.core.annotation import TaskContent, content_hash
from labelloop.core.errors import LabelError, MissingStateError
from labelloop.core.provenance import provenance, with_provenance
from labelloop.core.pulling import counts_in, laid_in
from labelloop.core.vocabulary import SOURCE, TEST, Field
from labelloop.resources import app, final
from labelloop.resources.app_edits import read_edits
from labelloop.resources.backups import keep_edits
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.layers import laid_anew
from labelloop.resources.project import Project
from labelloop.resources.shown import shapes_besides
from labelloop.resources.source_pull import pulled_name

Say = Callable[[str], None]


def keep_unsent(
    now: Project,
    dataset: DatasetResource,
    cvat: CvatResource,
    batch: str,
    say: Say,
    warn: Say,
    incoming: Collection[str] = (),
) -> list[str]:
    """Keep what people changed in the App since on labels that are shown anew when those of a batch are taken.

    That is also what lies over or under them: an image may be in other batches as well.

    Args:
        now: The project.
        dataset: FiftyOne.
        cvat: The connection.
        batch: A batch whose tasks are about to be taken, or the source.
        say: Where to tell what is waited for.
        warn: Where to tell what was kept.
        incoming: Images that come into the batch with what is taken.

    Returns:
        Names of what was kept in `backups`, where `labelloop restore` lists what CVAT could hold of a batch.
    """
    anew = laid_anew(now, batch, incoming)
    looked_at = [name for name in anew if not app.is_in_app(now, name)]
    # Of test nothing is shown before the first report.
    in_no_task = batch == TEST and not app.is_in_app(now, TEST) and bool(final.reported(now))
    if not looked_at and not in_no_task:
        return []
    with dataset.writing(now, say) as loop:
        kept = [name for each in looked_at for name in _kept_of(now, loop, cvat, each, anew[each], warn)]
        return kept + (_kept_of_trusted(now, loop, warn) if in_no_task else [])


def _kept_of(
    now: Project, loop: LoopDataset, cvat: CvatResource, batch: str, images: Collection[str], warn: Say
) -> list[str]:
    in_doubt = _in_doubt(now, loop, batch, images)
    if not in_doubt:
        return []
    try:
        edits = read_edits(now, loop, cvat.server(now), batch, in_doubt)
    except MissingStateError:  # no image shows these labels, so nobody changed them there
        return []
    except LabelError as error:
        return [_keep_as_shown(now, loop, batch, error, warn)]
    names = keep_edits(now, batch, edits.contents, partial(_whole, now) if batch == SOURCE else None)
    if names:
        warn(
            f"Labels of {batch} were changed in the App and never brought to CVAT, whose labels are shown anew now. "
            f"They are kept: `labelloop restore {batch}` lists {', '.join(names)}"
        )
    return names


def _kept_of_trusted(now: Project, loop: LoopDataset, warn: Say) -> list[str]:
    """Labels of test that came with the source: there is no task that could hold what was changed on them."""
    known = final.in_no_task(now)
    untouched = show_just(loop, known.boxes, now.ledger.samples(), sorted(known.reviewed))
    shown = as_they_are(loop, set(known.reviewed) - untouched)
    if not any(fields.get(str(Field.HUMAN_LABELS)) for fields in shown.values()):
        return []
    name = _keep_shown(now, TEST, shown)
    warn(
        f"Labels of test that came with the source were changed in the App on {len(shown)} images, and are shown anew "
        f"now as they came. As the App showed them they are in {now.home.root / 'backups' / TEST / name}.json"
    )
    return [name]


def _in_doubt(now: Project, loop: LoopDataset, batch: str, images: Collection[str]) -> set[str]:
    """Images but those that show, number for number, just the boxes that were taken."""
    version, taken = now.ledger.label_version(batch), now.ledger.contents(batch)
    more = {label.sample_id for label in shapes_besides(now, version, taken)}.union(version.tags["sample_id"])
    boxes = with_provenance(version.boxes, provenance(*taken))
    return set(images) - show_just(loop, boxes, now.ledger.samples(), sorted(set(images) - more))


def told_of_kept(names: list[str]) -> dict[str, str]:
    """What was kept, as metadata of the asset that shows other labels now."""
    return {"edits of the App, kept": ", ".join(dict.fromkeys(names))} if names else {}


def _whole(now: Project, taken: TaskContent, edited: TaskContent) -> TaskContent:
    """A task of people with the edits, as CVAT could hold it: what counts of it is not all of it.

    Where the whole task is lost, or was read again since, what counted of it is all there is.
    """
    stored = now.ledger.read_or_none("pulled", pulled_name(edited.task_id))
    whole = TaskContent.from_dict(stored) if stored else None
    return laid_in(whole, taken, edited) if whole and counts_in(whole, taken) else edited


def _keep_as_shown(now: Project, loop: LoopDataset, batch: str, error: LabelError, warn: Say) -> str:
    name = _keep_shown(now, batch, as_they_are(loop, now.ledger.label_version(batch).reviewed))
    warn(
        f"Labels of {batch} were changed in the App in a way that CVAT cannot hold ({error.what}), and are shown anew "
        f"now. All labels as the App showed them are in {now.home.root / 'backups' / batch / name}.json"
    )
    return name


def _keep_shown(now: Project, batch: str, shown: Mapping[str, Any]) -> str:
    name = f"in-app/shown-{content_hash(shown)}"
    now.ledger.write("backups", f"{batch}/{name}", shown)
    return name
