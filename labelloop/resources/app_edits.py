"""What people changed in the FiftyOne App on labels that came from CVAT, as content of its tasks: only when asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.labels import relative_xywh
from labelloop.adapters.fiftyone.shapes import read_boxes, read_shapes
from labelloop.core.annotation import TaskContent
from labelloop.core.carried import attributes_said
from labelloop.core.drawn import RECTANGLE
from labelloop.core.edited import edited
from labelloop.core.errors import MissingStateError
from labelloop.core.label_version import LabelVersion
from labelloop.core.shape_labels import ShapeLabel, shape_labels
from labelloop.core.vocabulary import Provenance
from labelloop.resources.project import Project
from labelloop.resources.shown import show_version

SAME = 1e-9  # shares by which a box may differ and still be the same
MOVED, BY_MODEL = "edited", "auto"  # what became of a shape that a model drew


@dataclass(frozen=True)
class Edits:
    """The tasks of a batch with what people changed in the App, and the images on which its labels are shown."""

    contents: tuple[TaskContent, ...]
    sample_ids: tuple[str, ...]


def read_edits(now: Project, loop: LoopDataset, batch: str) -> Edits:
    """The tasks of a batch as they are after what people changed in the App.

    Only images count that show the labels that were last taken: those with labels of another task, or of an earlier
    revision, stay as they are. Classes of whole images stay too.

    Raises:
        MissingStateError: If no image shows the labels of the batch.
        LabelError: If a label became something that its shape cannot be.
    """
    contents, sample_of = now.ledger.contents(batch)
    version, current = now.ledger.label_version(batch), now.ledger.schema().current
    ids = _shown(loop, contents, sample_of)
    if not ids:
        raise MissingStateError(
            f"No image in FiftyOne shows the labels of {batch} as they were last taken", "Run `labelloop rebuild`."
        )
    of_images = {(row.task_id, "tag", row.shape_id) for row in version.tags.itertuples()}
    everything = [replace(label, label=current(label.label)) for label in shape_labels(contents, sample_of, of_images)]
    shown = [label for label in everything if label.sample_id in ids]
    said = {name for content in contents for _, name in attributes_said(content)}
    left = [*read_shapes(loop, ids, said), *_boxes(now, version, shown, read_boxes(loop, ids))]
    return Edits(tuple(edited(content, sample_of, shown, left) for content in contents), tuple(sorted(ids)))


def keep(now: Project, loop: LoopDataset, batch: str, edits: Edits) -> None:
    """Make the edits the current labels of a batch, and show them as such."""
    before = now.ledger.stored_labels(batch)
    moved = _moved(before.contents, edits.contents)
    provenance = {key: MOVED if key in moved and fate == BY_MODEL else fate for key, fate in before.provenance.items()}
    now.ledger.save_labels(batch, edits.contents, before.sample_of, before.image_classes, provenance)
    show_version(now, loop, batch, now.ledger.label_version(batch), edits.sample_ids)


def _shown(loop: LoopDataset, contents: Iterable[TaskContent], sample_of: Mapping[str, str]) -> set[str]:
    """Images of which FiftyOne says that their labels are those of these tasks, at this revision."""
    if not loop.dataset.has_field(Provenance.REVISION):
        return set()
    live = {
        sample_of[frame.name]: (content.task_id, content.revision)
        for content in contents
        for frame in content.frames
        if not frame.deleted
    }
    fields = ["sample_id", str(Provenance.TASK_ID), str(Provenance.REVISION)]
    told = zip(*loop.view_of(live).values(fields), strict=True)
    return {sample_id for sample_id, task_id, revision in told if live[sample_id] == (task_id, revision)}


def _boxes(
    now: Project, version: LabelVersion, shown: Sequence[ShapeLabel], left: Sequence[ShapeLabel]
) -> list[ShapeLabel]:
    """Boxes as people left them; one that is as it was shown, clipped to its image, is as it was drawn."""
    sizes = now.ledger.samples()[["sample_id", "width", "height"]]
    sized = version.boxes.merge(sizes, on="sample_id")
    keys = zip(sized["sample_id"], sized["task_id"].tolist(), sized["shape_id"].tolist(), strict=True)
    boxes = {key: (box, name) for key, box, name in zip(keys, relative_xywh(sized), sized["label"], strict=True)}
    raw = {(each.sample_id, each.key): each for each in shown}
    found, seen = [], set()
    for label in left:
        task_id, _, shape_id = label.key
        place, key = (label.sample_id, task_id, shape_id), (label.sample_id, (task_id, RECTANGLE, shape_id))
        if place not in boxes or key not in raw or place in seen:
            found.append(replace(label, about={"type": RECTANGLE}))
            continue
        seen.add(place)
        box, name = boxes[place]
        same = label.label == name and np.allclose(label.box, box, rtol=SAME, atol=SAME)
        found.append(raw[key] if same else replace(raw[key], label=label.label, box=label.box, mask=label.mask))
    return found


def _moved(before: Iterable[TaskContent], after: Iterable[TaskContent]) -> set[int]:
    """Ids of shapes that are others than before."""
    old, new = (
        {shape["id"]: shape for content in contents for frame in content.frames for shape in frame.shapes}
        for contents in (before, after)
    )
    return {number for number, shape in new.items() if number in old and shape != old[number]}
