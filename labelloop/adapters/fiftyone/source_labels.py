"""Labels of a source as FiftyOne shows them: a field for each of its label types."""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.labels import relative_xywh
from labelloop.core.masks import mask_in_box
from labelloop.core.vocabulary import Field, LabelKind

FIELD_OF = {
    LabelKind.BOX: Field.GROUND_TRUTH, LabelKind.MASK: Field.GROUND_TRUTH,
    LabelKind.POLYGON: Field.GROUND_TRUTH_POLYLINES, LabelKind.POLYLINE: Field.GROUND_TRUTH_POLYLINES,
    LabelKind.POINTS: Field.GROUND_TRUTH_KEYPOINTS, LabelKind.TAG: Field.GROUND_TRUTH_TAGS,
}  # fmt: skip
# Names that FiftyOne's labels have themselves; attributes of the source so called stay in the file.
TAKEN = frozenset(
    {"id", "label", "tags", "index", "mask", "mask_path", "points", "closed", "filled", "bounding_box", "logits",
     "confidence", "attributes", "instance", "rings", "field_names"}
)  # fmt: skip

Row = Mapping[str, Any]


def show_source_labels(loop: LoopDataset, labels: pd.DataFrame, samples: pd.DataFrame) -> None:
    """Replace the fields of the source's labels; an image labelled and empty has empty `ground_truth`.

    A field that no label needs is not made. What FiftyOne has no label type for stays in the file alone.

    Args:
        loop: The data set.
        labels: Source labels table.
        samples: sample_id, width, height, labelled.
    """
    labelled = list(samples.loc[samples["labelled"].astype(bool), "sample_id"])
    sized = labels.merge(samples[["sample_id", "width", "height"]], on="sample_id")
    rows = sized.assign(box=list(relative_xywh(sized).tolist())).to_dict("records")
    by_field: dict[str, defaultdict[str, list[Any]]] = {str(field): defaultdict(list) for field in _makers()}
    for row in rows:
        for field, label in _labels(row):
            by_field[field][row["sample_id"]].append(label)
    for field, make in _makers().items():
        found = by_field[field]
        wanted = labelled if field == Field.GROUND_TRUTH else []
        _replace(loop, field, {sample_id: make(found.get(sample_id, [])) for sample_id in {*wanted, *found}})


def _makers() -> dict[str, Callable[[list[Any]], Any]]:
    import fiftyone as fo

    return {
        str(Field.GROUND_TRUTH): lambda items: fo.Detections(detections=items),
        str(Field.GROUND_TRUTH_POLYLINES): lambda items: fo.Polylines(polylines=items),
        str(Field.GROUND_TRUTH_KEYPOINTS): lambda items: fo.Keypoints(keypoints=items),
        str(Field.GROUND_TRUTH_TAGS): lambda items: fo.Classifications(classifications=items),
    }


def _replace(loop: LoopDataset, field: str, values: Mapping[str, Any]) -> None:
    """Exactly these samples have the field; what a source took back is gone."""
    if loop.dataset.has_field(field):
        loop.dataset.clear_sample_field(field)
    if values:
        loop.set_values(field, values)


def _labels(row: Row) -> Iterable[tuple[str, Any]]:
    """The labels of a row, each with its field: an object with keypoints is shown as a box and as its keypoints."""
    import fiftyone as fo

    kind, detail = LabelKind(row["kind"]), json.loads(row["detail"])
    field, about = FIELD_OF.get(kind), {"label": row["label"], **_attributes(detail.get("attributes") or {})}
    if kind in (LabelKind.BOX, LabelKind.MASK):
        mask = mask_in_box(detail, [row[name] for name in ("x1", "y1", "x2", "y2")])
        yield str(field), fo.Detection(bounding_box=row["box"], mask=mask, **about)
        if detail.get("points"):
            yield str(Field.GROUND_TRUTH_KEYPOINTS), fo.Keypoint(points=_seen(detail["points"], row), **about)
    elif kind in (LabelKind.POLYGON, LabelKind.POLYLINE):
        outline = kind is LabelKind.POLYGON
        rings = [_shares(ring, row) for ring in detail["rings"]]
        yield str(field), fo.Polyline(points=rings, closed=outline, filled=outline, **about)
    elif kind is LabelKind.POINTS:
        points = [point for ring in detail["rings"] for point in _shares(ring, row)]
        yield str(field), fo.Keypoint(points=points, **about)
    elif kind is LabelKind.TAG:
        yield str(field), fo.Classification(**about)


def _shares(points: Iterable[Iterable[float]], row: Row) -> list[tuple[float, float]]:
    return [(x / row["width"], y / row["height"]) for x, y in points]


def _seen(points: Iterable[list[float]], row: Row) -> list[tuple[float, float]]:
    """Keypoints of an object; one that is not labelled (visibility 0) has no place, its number stays its own."""
    nowhere = (math.nan, math.nan)
    return [
        nowhere if visible and not visible[0] else (x / row["width"], y / row["height"]) for x, y, *visible in points
    ]


def _attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name.isidentifier() and name not in TAKEN}
