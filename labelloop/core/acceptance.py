"""How much of what was drawn beforehand people kept: the work a model saves, class by class, or labels of before.

A box that was sent is known again by the id that CVAT gave it. A tool that saves a job whole gives new ids; then it is
the box of the same class in the same place (IoU from `SAME_IOU`), or one that CVAT itself still calls automatic and
that overlaps it (IoU from `MOVED_IOU`). A box that somebody deleted and drew anew elsewhere was drawn by that person:
it counts as deleted and added, for the model saved nothing. A shape that is no upright rectangle is known by its id
alone, and untouched where its outline is.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labelloop.core.annotation import RawShape, TaskContent
from labelloop.core.boxes import CORNERS, as_boxes, iou, ordered
from labelloop.core.drawn import RECTANGLE, Drawn, drawn_in
from labelloop.core.vocabulary import AUTOMATIC, DrawnBy, Fate

TOLERANCE = 0.5  # pixels a corner may move without anybody having moved it: drawing tools round
SAME_IOU = 0.95
MOVED_IOU = 0.5

COLUMNS = ["sample_id", "shape_id", "label", *CORNERS]
OUTLINE = "outline"  # type, rotation and points of a shape that is no upright rectangle; such a one has no corners
Pairs = list[tuple[Hashable, Hashable]]  # index of what was sent, index of what came back


@dataclass(frozen=True, eq=False)
class Comparison:
    """What was drawn beforehand, held against what came back.

    Attributes:
        sent: Shapes that were drawn for people: `COLUMNS` and `fate`, one of untouched, edited, deleted, and removed
            where the whole image was.
        back: Shapes that came back: `COLUMNS`, `source` and `fate`, one of untouched, edited and added.
    """

    sent: pd.DataFrame
    back: pd.DataFrame

    @property
    def acceptance(self) -> float:
        """Share of the boxes that were sent, on images that were kept, which nobody had to touch; 0 without any."""
        fates = self.sent["fate"].value_counts()
        judged = int(fates.sum()) - int(fates.get(Fate.REMOVED, 0))
        return int(fates.get(Fate.UNTOUCHED, 0)) / judged if judged else 0.0

    @property
    def not_drawn(self) -> float:
        """Share of the boxes that came back which nobody had to draw, moved ones included; 0 without any."""
        return float((self.back["fate"] != Fate.ADDED).mean()) if len(self.back) else 0.0

    def by_class(self, classes: Iterable[str]) -> pd.DataFrame:
        """Counts for each class: sent, untouched, edited, deleted, removed, added, and acceptance.

        A box that was given another class counts where it was sent.
        """
        rows = []
        for label in classes:
            own = self.sent.loc[self.sent["label"] == label, "fate"].value_counts()
            added = int(((self.back["label"] == label) & (self.back["fate"] == Fate.ADDED)).sum())
            counts = {str(fate): int(own.get(fate, 0)) for fate in Fate if fate is not Fate.ADDED}
            judged = int(own.sum()) - counts[Fate.REMOVED]
            share = counts[Fate.UNTOUCHED] / judged if judged else np.nan
            rows.append({"label": label, "sent": int(own.sum()), **counts, "added": added, "acceptance": share})
        return pd.DataFrame(rows)

    def provenance(self) -> dict[int, str]:
        """What each shape that came back and was not drawn by people is, by its id: `auto` or `edited`."""
        told = {Fate.UNTOUCHED: str(DrawnBy.AUTO), Fate.EDITED: str(DrawnBy.EDITED)}
        found = zip(self.back["shape_id"], self.back["fate"], strict=True)
        return {int(shape_id): told[fate] for shape_id, fate in found if fate in told}


def compare(sent: pd.DataFrame, back: pd.DataFrame, removed: Collection[str] = ()) -> Comparison:
    """Tell what became of each box that was drawn beforehand, and of each shape that came back.

    Args:
        sent: `COLUMNS`; corners in pixels, `shape_id` missing where it was never learnt. `OUTLINE` if there are other
            shapes than upright rectangles.
        back: `COLUMNS`, `source` and `OUTLINE`; corners are missing where a shape is no upright rectangle.
        removed: Ids of images that were removed, with all that was on them.
    """
    sent, back = sent.reset_index(drop=True), back.reset_index(drop=True)
    pairs: Pairs = []
    there = dict(list(back.groupby("sample_id")))
    for sample_id, own in sent.groupby("sample_id"):
        pairs += _pairs(own, there.get(sample_id, back.iloc[:0]))
    fate_of = dict(zip([one for one, _ in pairs], _fates(sent, back, pairs), strict=True))
    gone = sent["sample_id"].isin(set(removed))
    lost = np.where(gone, Fate.REMOVED, Fate.DELETED)
    kept = {other: fate_of[one] for one, other in pairs}
    return Comparison(
        sent.assign(fate=[fate_of.get(row, str(fate)) for row, fate in zip(sent.index, lost, strict=True)]),
        back.assign(fate=[kept.get(row, Fate.ADDED) for row in back.index]),
    )


def came_back(
    contents: Sequence[TaskContent], sample_of: Mapping[str, str], named: Callable[[str], str]
) -> pd.DataFrame:
    """Shapes of tasks as `compare` takes them, without those of images that were removed.

    Args:
        contents: The tasks as the server gave them.
        sample_of: Sample id by upload name.
        named: Today's name of a class.
    """
    drawn = (each for content in contents for each in drawn_in(content, sample_of))
    rows = [_row(each, named) for each in drawn if not each.removed and "points" in each.raw]
    frame = pd.DataFrame(rows, columns=[*COLUMNS, "source", OUTLINE])
    return frame.astype(dict.fromkeys(CORNERS, "float64"))


def place_of(shape: RawShape) -> dict[str, Any]:
    """Where a shape is, as `compare` takes it: the corners of an upright rectangle, or the outline of another shape."""
    rotation = float(shape.get("rotation", 0.0)) % 360.0
    if shape["type"] == RECTANGLE and not rotation:
        corners = ordered(as_boxes([shape["points"]]))[0]
        return {**dict(zip(CORNERS, map(float, corners), strict=True)), OUTLINE: None}
    return {**dict.fromkeys(CORNERS), OUTLINE: [shape["type"], rotation, *map(float, shape["points"])]}


def _row(drawn: Drawn, named: Callable[[str], str]) -> dict[str, Any]:
    return {
        "sample_id": drawn.sample_id, "shape_id": drawn.raw["id"], "label": named(drawn.raw["label"]),
        "source": drawn.raw.get("source", DrawnBy.MANUAL), **place_of(drawn.raw),
    }  # fmt: skip


def _pairs(sent: pd.DataFrame, back: pd.DataFrame) -> Pairs:
    """What was sent and what it became, on one image: by id, then by place."""
    by_id = {shape_id: row for row, shape_id in back["shape_id"].items()}
    known = sent["shape_id"].dropna()
    pairs: Pairs = [(row, by_id[shape_id]) for row, shape_id in known.items() if shape_id in by_id]
    pairs += _by_place(*_left(sent, back, pairs), SAME_IOU, same_class=True)
    sent, back = _left(sent, back, pairs)
    return pairs + _by_place(sent, back[back["source"].isin(AUTOMATIC)], MOVED_IOU, same_class=False)


def _left(sent: pd.DataFrame, back: pd.DataFrame, pairs: Pairs) -> tuple[pd.DataFrame, pd.DataFrame]:
    return sent.drop([one for one, _ in pairs]), back.drop([other for _, other in pairs])


def _by_place(sent: pd.DataFrame, back: pd.DataFrame, least: float, *, same_class: bool) -> Pairs:
    """One-to-one pairs by overlap, the greatest first; ties by row."""
    sent, back = sent.dropna(subset=CORNERS), back.dropna(subset=CORNERS)
    overlap = iou(as_boxes(sent[CORNERS]), as_boxes(back[CORNERS]))
    if same_class:
        overlap[sent["label"].to_numpy(object)[:, None] != back["label"].to_numpy(object)[None, :]] = 0.0
    pairs: Pairs = []
    for place in np.argsort(-overlap, axis=None, kind="stable"):
        one, other = divmod(int(place), len(back))
        if overlap[one, other] < least:
            continue
        pairs.append((sent.index[one], back.index[other]))
        overlap[one, :] = overlap[:, other] = 0.0
    return pairs


def _fates(sent: pd.DataFrame, back: pd.DataFrame, pairs: Pairs) -> list[Fate]:
    """Untouched or edited, for each pair. A box with a new id in the same place is the same box, saved anew."""
    one, other = sent.loc[[first for first, _ in pairs]], back.loc[[second for _, second in pairs]]
    corners, moved_to = as_boxes(one[CORNERS]), as_boxes(other[CORNERS])
    same_id = one["shape_id"].to_numpy(object) == other["shape_id"].to_numpy(object)
    same_class = one["label"].to_numpy(object) == other["label"].to_numpy(object)
    near = (np.abs(corners - moved_to) <= TOLERANCE).all(axis=1) | _have_same_outline(one, other)
    overlap = np.array([iou(corners[[i]], moved_to[[i]])[0, 0] for i in range(len(pairs))])
    kept = same_class & (near | (~same_id & (overlap >= SAME_IOU)))
    return [Fate.UNTOUCHED if untouched else Fate.EDITED for untouched in kept]


def _have_same_outline(sent: pd.DataFrame, back: pd.DataFrame) -> NDArray[np.bool_]:
    """Which shapes have an outline, and the same one; boxes of a model come without."""
    if OUTLINE not in sent or OUTLINE not in back:
        return np.zeros(len(sent), dtype=bool)
    return np.array([_is_near(one, other) for one, other in zip(sent[OUTLINE], back[OUTLINE], strict=True)], dtype=bool)


def _is_near(one: Sequence[Any] | None, other: Sequence[Any] | None) -> bool:
    if not one or not other or len(one) != len(other) or one[0] != other[0]:
        return False
    return all(abs(a - b) <= TOLERANCE for a, b in zip(one[1:], other[1:], strict=True))
