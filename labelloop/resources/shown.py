"""Labels that were taken, as the App shows them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from labelloop.adapters.fiftyone import annotation
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.origin import show_origin, show_removed
from labelloop.adapters.fiftyone.shapes import show_shapes
from labelloop.adapters.files.ledger import SOURCE
from labelloop.core.annotation import TaskContent, content_hash
from labelloop.core.drawn import RECTANGLE, TAG
from labelloop.core.label_version import LabelVersion
from labelloop.core.provenance import provenance, with_provenance
from labelloop.core.shape_labels import ShapeLabel, shape_labels
from labelloop.core.vocabulary import HELD_OUT, ITERATION_PATTERN, annotated_tag
from labelloop.resources.app import is_in_app
from labelloop.resources.project import Project

PULLED = "cvat_pull"  # key in `dataset.info`


def show_version(
    now: Project, loop: LoopDataset, batch: str, version: LabelVersion, sample_ids: Sequence[str],
    only: Collection[str] | None = None,
) -> None:  # fmt: skip
    """What people drew on some images of a batch; with `only`, just those are written, and all are tagged.

    Where they drew in the App it is there, set aside boxes included; written over, it would be other labels than
    those that were taken.
    """
    if is_in_app(now, batch):
        annotation.show_taken(loop, batch, sample_ids)
        return
    reviewed, removed = sample_ids, _removed(now, batch, version)
    if only is not None:
        sample_ids, removed = ([each for each in ids if each in only] for ids in (reviewed, removed))
        if not sample_ids and not removed:
            loop.replace_tag(annotated_tag(batch), reviewed)
            return
    shown, taken = set(sample_ids), now.ledger.contents(batch)
    origin = provenance(*taken)
    boxes = with_provenance(version.boxes, origin)
    with loop.one_write():
        loop.show_labels(batch, boxes, now.ledger.samples(), reviewed, only)
        show_shapes(loop, shapes_besides(now, version, taken), sample_ids)
        show_origin(loop, origin[origin["sample_id"].isin(shown.union(removed))])
    show_removed(loop, removed, list(sample_ids))
    _show_tags(now, loop, batch, version, sample_ids)


def tells_of_image(now: Project, batch: str, version: LabelVersion, sample_ids: Sequence[str]) -> list[str]:
    """Images of which a batch says what they are as a whole.

    Whoever goes through images again for a new class need not say it again.
    """
    if not now.settings.image_classes:
        return []
    told = set(version.tags["sample_id"])
    return [each for each in sample_ids if each in told] if batch in now.ledger.relabels() else list(sample_ids)


def _show_tags(now: Project, loop: LoopDataset, batch: str, version: LabelVersion, sample_ids: Sequence[str]) -> None:
    tags = version.tags[version.tags["sample_id"].isin(set(sample_ids))]
    loop.show_tags(tags, tells_of_image(now, batch, version, sample_ids))


def shapes_besides(
    now: Project, version: LabelVersion, taken: tuple[Sequence[TaskContent], Mapping[str, str]]
) -> list[ShapeLabel]:
    """What people drew besides boxes to learn from and classes of images; what was set aside says why."""
    tables = ((RECTANGLE, version.boxes), (TAG, version.tags))
    stored = {
        (task_id, kind, shape_id)
        for kind, table in tables
        for task_id, shape_id in zip(table["task_id"].tolist(), table["shape_id"].tolist(), strict=True)
    }
    reasons = {(row.task_id, row.type, row.shape_id): row.reason for row in version.quarantined.itertuples()}
    current = now.ledger.schema().current
    return [
        replace(
            label,
            label=current(label.label),
            about={**label.about, "set_aside": reasons.get(label.key)},
        )
        for label in shape_labels(*taken, stored)
    ]


def shown_of(now: Project, batch: str) -> list[str]:
    """Images whose labels a batch shows; a golden image that is hidden in it goes on showing its first ones."""
    reviewed, held_out = now.ledger.label_version(batch).reviewed, _held_out(now, batch)
    return [sample_id for sample_id in reviewed if sample_id not in held_out]


def note_source_shown(now: Project, loop: LoopDataset) -> None:
    """Note that all of it is shown, so that a pull without news need not show it again."""
    loop.write_info(PULLED, shown_of_source(now))


def shown_of_source(now: Project) -> str:
    """Changes with whatever of the source project is shown in FiftyOne."""
    return content_hash([now.ledger.revision(SOURCE), now.settings.annotation.name_fields])


def _removed(now: Project, batch: str, version: LabelVersion) -> list[str]:
    """Images whose frame was deleted; a golden one that is hidden in a batch has its frame in the hold-out."""
    held_out = _held_out(now, batch)
    return [sample_id for sample_id in version.removed if sample_id not in held_out]


def _held_out(now: Project, batch: str) -> set[str]:
    return set(now.ledger.in_split(*HELD_OUT)) if ITERATION_PATTERN.fullmatch(batch) else set()
