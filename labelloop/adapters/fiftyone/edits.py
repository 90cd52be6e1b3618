"""Labels of people as the App has them now, and as it would have them had nobody touched them: to be compared."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.labels import detections_by_sample
from labelloop.adapters.fiftyone.shapes import name_of, read_labels
from labelloop.core.drawn import RECTANGLE, TAG
from labelloop.core.shape_labels import ShapeLabel
from labelloop.core.vocabulary import SHAPE_FIELDS, Field, Provenance

HOLDS = {
    Field.HUMAN_LABELS: "detections", Field.HUMAN_SHAPES: "detections", Field.HUMAN_POLYLINES: "polylines",
    Field.HUMAN_KEYPOINTS: "keypoints", Field.HUMAN_CLASSIFICATIONS: "classifications",
    Field.HUMAN_TAGS: "classifications",
}  # fmt: skip
COMPARED = (Field.HUMAN_LABELS, *SHAPE_FIELDS, Field.HUMAN_TAGS)


@dataclass(frozen=True)
class OnSample:
    """What a sample shows: the task and revision of its labels, the fields that it has at all, the labels."""

    task_id: int | None
    revision: str
    fields: frozenset[Field]
    labels: tuple[ShapeLabel, ...]


def read_samples(loop: LoopDataset, sample_ids: Iterable[str], attributes: Collection[str]) -> dict[str, OnSample]:
    """The labels of people on samples, as they are now; samples that are not in the data set are left out.

    Args:
        loop: The data set.
        sample_ids: Samples to read.
        attributes: Names of attributes as CVAT has them.
    """
    told = [str(Field.SAMPLE_ID), str(Provenance.TASK_ID), str(Provenance.REVISION)]
    fields = [field for field in COMPARED if loop.dataset.has_field(str(field))]
    known = [name for name in told if loop.dataset.has_field(name)]
    view = loop.view_of(sample_ids)
    columns = dict(zip([*known, *fields], view.values([*known, *map(str, fields)]), strict=True))
    found: dict[str, OnSample] = {}
    for number, sample_id in enumerate(columns.get(told[0], [])):
        holders = {field: columns[field][number] for field in fields if columns[field][number] is not None}
        origin = [columns[name][number] if name in columns else None for name in told[1:]]
        labels = (
            label
            for field, holder in holders.items()
            for label in _labels(sample_id, field, getattr(holder, HOLDS[field]), attributes)
        )
        found[sample_id] = OnSample(origin[0], str(origin[1]), frozenset(holders), tuple(labels))
    return found


def as_they_are(loop: LoopDataset, sample_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """All labels of people on samples as FiftyOne has them, by sample and field, as JSON-like values."""
    fields = [str(field) for field in COMPARED if loop.dataset.has_field(str(field))]
    ids, *columns = loop.view_of(sample_ids).values([str(Field.SAMPLE_ID), *fields])
    found: dict[str, dict[str, Any]] = {sample_id: {} for sample_id in ids}
    for field, holders in zip(fields, columns, strict=True):  # a new data set has none of these fields
        for sample_id, holder in zip(ids, holders, strict=True):
            if holder is not None:
                found[sample_id][field] = json.loads(holder.to_json())
    return found


def boxes_as_shown(boxes: pd.DataFrame, samples: pd.DataFrame, sample_ids: Sequence[str]) -> list[ShapeLabel]:
    """Boxes as a sample would give them back that shows them untouched."""
    import fiftyone as fo

    made = detections_by_sample(boxes, samples, sample_ids)
    drawn = {each: [fo.Detection.from_dict(one) for one in holder["detections"]] for each, holder in made.items()}
    return [label for each, items in drawn.items() for label in _labels(each, Field.HUMAN_LABELS, items, ())]


def show_just(loop: LoopDataset, boxes: pd.DataFrame, samples: pd.DataFrame, sample_ids: Sequence[str]) -> set[str]:
    """Those of some samples that show these boxes and no other label, as the database has them: untouched for sure.

    Documents, not objects: FiftyOne takes most of a millisecond for each object. What says anything more than boxes and
    evaluations do is not among them.

    Args:
        loop: The data set.
        boxes: As `show_labels` was given them.
        samples: sample_id, width, height.
        sample_ids: Samples about which nothing but boxes is known.
    """
    made = detections_by_sample(boxes, samples, sample_ids)
    drawn, rest = str(Field.HUMAN_LABELS), [field for field in COMPARED if field != Field.HUMAN_LABELS]
    matches = (f"{key}{part}" for key in loop.dataset.list_evaluations() for part in ("", "_id", "_iou"))
    aside = {"_id", *matches}
    found = loop.dataset._sample_collection.find(  # noqa: SLF001 — FiftyOne itself gives objects alone
        {str(Field.SAMPLE_ID): {"$in": sorted(sample_ids)}}, [str(Field.SAMPLE_ID), *map(str, COMPARED)]
    )
    return {
        each[str(Field.SAMPLE_ID)]
        for each in found
        if each.get(drawn)
        and _said(each[drawn], aside) == _said(made[each[str(Field.SAMPLE_ID)]], aside)
        and not any((each.get(str(field)) or {}).get(HOLDS[field]) for field in rest)
    }


def _said(holder: Mapping[str, Any], aside: Collection[str]) -> list[dict[str, Any]]:
    drawn = holder.get("detections") or ()  # the last one that is taken away takes the list with it
    return [{name: v for name, v in each.items() if name not in aside and v is not None} for each in drawn]


def tags_as_shown(tags: pd.DataFrame) -> list[ShapeLabel]:
    """Classes of whole images, with the numbers of their tags, which the App does not show."""
    return [
        ShapeLabel(
            row.sample_id, Field.HUMAN_TAGS, row.label,
            about={"type": TAG, "task_id": int(row.task_id), "shape_id": int(row.shape_id)},
        )
        for row in tags.itertuples()
    ]  # fmt: skip


def with_tags_known(left: Sequence[ShapeLabel], shown: Sequence[ShapeLabel]) -> list[ShapeLabel]:
    """Labels as they are now, where a class of an image is the tag that was shown for it."""
    tags: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for label in shown:
        if label.shown_in == Field.HUMAN_TAGS:
            tags.setdefault((label.sample_id, label.label), []).append(label.about)
    known = []
    for label in left:
        waiting = tags.get((label.sample_id, label.label), []) if label.shown_in == Field.HUMAN_TAGS else []
        known.append(replace(label, about=waiting.pop(0)) if waiting else label)
    return known


def _labels(sample_id: str, field: Field, drawn: Sequence[Any], attributes: Collection[str]) -> Iterator[ShapeLabel]:
    if field == Field.HUMAN_TAGS:
        yield from (ShapeLabel(sample_id, field, each.label or "") for each in drawn)
    elif field == Field.HUMAN_LABELS:
        # Evaluations write into these boxes as well: what else is on them is said by people if CVAT has it.
        names = {*attributes, *map(name_of, attributes)}
        for label in read_labels(sample_id, Field.HUMAN_SHAPES, drawn, attributes):
            said = {name: value for name, value in label.said.items() if name in names}
            yield replace(label, shown_in=field, about={"type": RECTANGLE, **label.about}, said=said)
    else:
        yield from read_labels(sample_id, field, drawn, attributes)
