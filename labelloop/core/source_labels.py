"""Labels as sources bring them: every kind, kept whole; and the boxes among them that a detector may learn from.

A source labels table has the columns `sample_id, kind, label, x1, y1, x2, y2, as_box, detail`: pixels, a tag has no
corners. `detail` is JSON: `rings` (outlines, lists of [x, y]), `points` (keypoints), `mask`, `rotation`, `attributes`.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from labelloop.core.bad_boxes import bad_boxes
from labelloop.core.boxes import CORNERS
from labelloop.core.vocabulary import LabelKind

LABEL_COLUMNS = ["sample_id", "kind", "label", *CORNERS, "as_box", "detail"]
BOX_COLUMNS = ["sample_id", "label", *CORNERS]
OUTLINES = (LabelKind.POLYGON, LabelKind.MASK)  # what an enclosing box can stand for

Corners = tuple[float, float, float, float]
Point = tuple[float, float]
NOWHERE: Corners = (math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class SourceLabel:
    """One object, or one tag of the image, with everything its source says about it.

    Attributes:
        kind: What it is.
        label: Its class.
        corners: Its box, or the box that encloses it; pixels, or shares of the image while it is read.
        detail: The rest, as JSON-like values.
    """

    kind: LabelKind
    label: str
    corners: Corners = NOWHERE
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise ValueError("a label without a name")
        if self.kind is not LabelKind.TAG and not all(map(math.isfinite, self.corners)):
            raise ValueError(f"a {self.kind} that is not made of numbers")

    @classmethod
    def drawn(cls, kind: LabelKind, label: str, rings: Sequence[Sequence[Point]], **detail: Any) -> "SourceLabel":
        """A shape made of points, in one or several parts.

        Raises:
            ValueError: If it has no point, or a point is not made of numbers.
        """
        points = [point for ring in rings for point in ring]
        if not points or not all(math.isfinite(value) for point in points for value in point):
            raise ValueError(f"a {kind} that is not made of numbers")
        kept = [[list(point) for point in ring] for ring in rings]
        return cls(kind, label, enclosing(points), {"rings": kept, **_said(detail)})

    @classmethod
    def box(cls, label: str, corners: Sequence[float], **detail: Any) -> "SourceLabel":
        """An upright box."""
        x1, y1, x2, y2 = corners
        return cls(LabelKind.BOX, label, (float(x1), float(y1), float(x2), float(y2)), _said(detail))


def enclosing(points: Iterable[Point]) -> Corners:
    """The box around some points."""
    across, down = zip(*points, strict=True)
    return min(across), min(down), max(across), max(down)


def _said(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in detail.items() if value not in (None, {}, [], "")}


def scaled(label: SourceLabel, width: float, height: float) -> SourceLabel:
    """A label given in shares of the image, in pixels."""
    x1, y1, x2, y2 = label.corners
    detail = dict(label.detail)
    if "rings" in detail:
        detail["rings"] = [[[x * width, y * height] for x, y in ring] for ring in detail["rings"]]
    if "points" in detail:
        detail["points"] = [[x * width, y * height, *rest] for x, y, *rest in detail["points"]]
    return SourceLabel(label.kind, label.label, (x1 * width, y1 * height, x2 * width, y2 * height), detail)


@dataclass(frozen=True)
class PathLabels:
    """What a source says about its images, by path.

    Attributes:
        labels: Labels of a path.
        labelled: Paths of which every object is known.
        relative: Paths whose labels are in shares of width and height.
        enclose: Paths whose outlines may train through their enclosing box.
        sizes: Width and height of a path as the source has it.
    """

    labels: Mapping[str, Sequence[SourceLabel]]
    labelled: frozenset[str]
    relative: frozenset[str] = frozenset()
    enclose: frozenset[str] = frozenset()
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def labels_by_sample(files: pd.DataFrame, given: PathLabels) -> tuple[pd.DataFrame, frozenset[str], dict[str, str]]:
    """Labels by sample instead of path.

    Of an image at several paths the first labelled path says what is drawn, and every path may add tags. Labels that
    were made on an image of another size do not count: their pixels mean something else here.

    Args:
        files: path, sample_id (None where set aside), width, height.
        given: What the source says.

    Returns:
        The source labels table, the paths that are labelled, and the paths that were refused with the reason.
    """
    usable = files[files["sample_id"].notna()].sort_values("path", kind="stable")
    real = {row.path: (float(row.width), float(row.height)) for row in usable.itertuples()}
    refused = {path: reason for path in real if (reason := _misfit(path, real[path], given))}
    rows: list[tuple[str, SourceLabel, bool]] = []
    labelled: set[str] = set()
    for sample_id, paths in usable.groupby("sample_id", sort=True)["path"]:
        drawn = next((path for path in paths if path in given.labelled and path not in refused), None)
        labelled |= {drawn} if drawn is not None else set()
        tags = {tag.label: tag for path in paths for tag in given.labels.get(path, ()) if tag.kind is LabelKind.TAG}
        rows += [(str(sample_id), tag, False) for tag in tags.values()]
        for label in given.labels.get(drawn, ()) if drawn is not None else ():
            if label.kind is not LabelKind.TAG:
                pixels = scaled(label, *real[drawn]) if drawn in given.relative else label
                rows.append((str(sample_id), pixels, drawn in given.enclose))
    return label_table(rows), frozenset(labelled), refused


def _misfit(path: str, real: tuple[float, float], given: PathLabels) -> str:
    """Why the labels of a path do not fit its image, or nothing. Shares fit every size of the same proportions."""
    said = given.sizes.get(path)
    if said is None or path not in given.labelled or said == real:
        return ""
    if path in given.relative and abs(said[0] * real[1] - said[1] * real[0]) < 0.01 * said[0] * real[1]:
        return ""
    return f"labelled at {said[0]:g}×{said[1]:g} pixels, the image has {real[0]:g}×{real[1]:g}"


def label_table(labels: Iterable[tuple[str, SourceLabel, bool]]) -> pd.DataFrame:
    """The source labels table.

    Args:
        labels: Sample id, label in pixels, and whether an outline may train through its enclosing box.
    """
    rows = [
        (
            sample_id, str(label.kind), label.label, *label.corners,
            label.kind is LabelKind.BOX or (enclose and label.kind in OUTLINES),
            json.dumps(label.detail, sort_keys=True, ensure_ascii=False),
        )
        for sample_id, label, enclose in labels
    ]  # fmt: skip
    types = dict.fromkeys(CORNERS, "float64") | {"as_box": "bool"}
    return pd.DataFrame(rows, columns=LABEL_COLUMNS).astype(types)


def boxes_alone(boxes: pd.DataFrame) -> pd.DataFrame:
    """The source labels table of boxes of which nothing else is known."""
    return boxes[BOX_COLUMNS].assign(kind=str(LabelKind.BOX), as_box=True, detail="{}")[LABEL_COLUMNS]


def training_boxes(labels: pd.DataFrame) -> pd.DataFrame:
    """The boxes a detector may learn from: sample_id, label, x1, y1, x2, y2."""
    return labels.loc[labels["as_box"].astype(bool), BOX_COLUMNS].reset_index(drop=True)


def without_their_boxes(labels: pd.DataFrame) -> set[str]:
    """Samples with an object that is no box: trained on as they are, it would count as background."""
    drawn = labels[(labels["kind"] != LabelKind.TAG) & ~labels["as_box"].astype(bool)]
    return set(drawn["sample_id"])


def unfit_boxes(labels: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Boxes of the source that training never sees, as `bad_boxes` judges them: path, label, corners, reason.

    Args:
        labels: A source labels table.
        samples: sample_id, path, width, height.
    """
    sizes = {row.sample_id: (row.width, row.height) for row in samples.itertuples()}
    bad = bad_boxes(training_boxes(labels).reset_index(drop=True), sizes)
    named = bad.assign(path=bad["sample_id"].map(samples.set_index("sample_id")["path"]))
    unfit: pd.DataFrame = named[["path", "label", *CORNERS, "reason"]].sort_values("path", ignore_index=True)
    return unfit
