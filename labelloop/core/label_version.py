"""A label version: what people drew, projected onto the boxes training uses, with nothing lost on the way.

Every shape, tag and track the server sent ends up stored, shown, quarantined or removed, and is counted by type:
received = stored + shown + quarantined + removed, or there is no label version. The file keeps all of them as they
came; the columns say what becomes of them: stored are boxes to train on and classes of images, shown is what FiftyOne
shows and no detector learns from.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from labelloop.core.annotation import AnnotatedFrame, TaskContent
from labelloop.core.bad_boxes import BAD_BOX_REASONS, bad_boxes
from labelloop.core.boxes import CORNERS, as_boxes, clip, ordered
from labelloop.core.drawn import (
    RECTANGLE,
    TAG,
    TRACK,
    Drawn,
    drawn_in,
    received,
    refuse_strangers,
    second_frames,
    seen_on,
)
from labelloop.core.errors import LabelError
from labelloop.core.schema import Schema
from labelloop.core.shape_labels import can_be_shown
from labelloop.core.vocabulary import Quarantine

BOX_TYPES = {
    "sample_id": "str", "label": "str", "x1": "float64", "y1": "float64", "x2": "float64", "y2": "float64",
    "task_id": "int64", "job_id": "Int64", "frame": "int64", "shape_id": "int64", "source": "str",
}  # fmt: skip
BOX_COLUMNS = tuple(BOX_TYPES)
QUARANTINE_TYPES = {
    "sample_id": "str", "task_id": "int64", "frame": "int64", "shape_id": "int64", "label": "str", "type": "str",
    "reason": "str",
}  # fmt: skip
SHAPE_TYPES = {name: kind for name, kind in QUARANTINE_TYPES.items() if name != "reason"}
TAG_TYPES = {"sample_id": "str", "label": "str", "task_id": "int64", "frame": "int64", "shape_id": "int64"}
OUTCOMES = ("stored", "shown", "quarantined", "removed")
CENSUS_TYPES = {"type": "str", "received": "int64", **dict.fromkeys(OUTCOMES, "int64")}

_Second = Mapping[int, Collection[int]]  # by task the frames whose image an earlier one shows


@dataclass(frozen=True, eq=False)
class LabelVersion:
    """The labels of some tasks at one moment.

    Attributes:
        schema_version: Version of the class list that the shapes were held against.
        looked_for: For each reviewed image the version of the class list that people had when they looked at it; a
            class that came later was not looked for there.
        boxes: Labels frame of what is stored, with the columns of `BOX_TYPES`.
        reviewed: Ids of images people looked at, those without a box included, sorted.
        removed: Ids of images whose frame was deleted, sorted.
        quarantined: What was set aside and why, with the columns of `QUARANTINE_TYPES`.
        census: Counts by shape type, with the columns of `CENSUS_TYPES`.
        tags: Classes of whole images, with the columns of `TAG_TYPES`.
        shapes: What is shown and not trained on, with the columns of `SHAPE_TYPES`; a track on each of its images.
    """

    schema_version: int
    boxes: pd.DataFrame
    reviewed: tuple[str, ...]
    removed: tuple[str, ...]
    quarantined: pd.DataFrame
    census: pd.DataFrame
    looked_for: Mapping[str, int] = field(default_factory=dict)
    tags: pd.DataFrame = field(default_factory=lambda: _frame([], TAG_TYPES))
    shapes: pd.DataFrame = field(default_factory=lambda: _frame([], SHAPE_TYPES))

    def __post_init__(self) -> None:
        settled = self.census[list(OUTCOMES)].sum(axis=1)
        lost = self.census[self.census["received"] != settled]
        if len(lost):
            raise LabelError(f"Shapes were lost on the way, nothing is stored: {lost.to_dict('records')}")

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Reviewed images with an object that is no box to train on; as a background they would teach a lie."""
        could_not = self.quarantined[~self.quarantined["reason"].isin(BAD_BOX_REASONS)]
        objects = (frame.loc[frame["type"] != TAG, "sample_id"] for frame in (could_not, self.shapes))
        return tuple(sorted({sample_id for ids in objects for sample_id in ids}))

    @property
    def bad_box_share(self) -> float:
        """Share of the rectangles that could be boxes but are degenerate, out of the image or drawn twice."""
        bad = int(self.quarantined["reason"].isin(BAD_BOX_REASONS).sum())
        return bad / (bad + len(self.boxes)) if bad else 0.0

    def with_sources(self, provenance: Mapping[int, str]) -> "LabelVersion":
        """The same labels, where boxes of these shape ids say that they come from a model, changed or not."""
        if not provenance:
            return self
        drawn = zip(self.boxes["shape_id"].tolist(), self.boxes["source"], strict=True)
        told = pd.Series([provenance.get(shape_id, source) for shape_id, source in drawn], dtype="str")
        return replace(self, boxes=self.boxes.assign(source=told.set_axis(self.boxes.index)))

    def to_dict(self) -> dict[str, Any]:
        """The label version as JSON-like values."""
        return {
            "schema_version": self.schema_version,
            "reviewed": list(self.reviewed),
            "removed": list(self.removed),
            "census": _records(self.census),
            "quarantined": _records(self.quarantined),
            "boxes": _records(self.boxes),
            "looked_for": dict(self.looked_for),
            "tags": _records(self.tags),
            "shapes": _records(self.shapes),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "LabelVersion":
        """What `to_dict` wrote."""
        return cls(
            schema_version=int(plain["schema_version"]),
            boxes=_frame(plain["boxes"], BOX_TYPES),
            reviewed=tuple(plain["reviewed"]),
            removed=tuple(plain["removed"]),
            quarantined=_frame(plain["quarantined"], QUARANTINE_TYPES),
            census=_frame([dict.fromkeys(OUTCOMES, 0) | row for row in plain["census"]], CENSUS_TYPES),
            looked_for=dict(plain["looked_for"]),
            tags=_frame(plain["tags"], TAG_TYPES),
            shapes=_frame(plain.get("shapes", []), SHAPE_TYPES),
        )


def project(
    contents: Sequence[TaskContent],
    sample_of: Mapping[str, str],
    schema: Schema,
    looked_for: Mapping[str, int] | None = None,
    image_classes: Collection[str] = (),
) -> LabelVersion:
    """The label version of some finished tasks.

    Only upright rectangles of known classes become boxes, and tags of image classes tags. Corners are put in
    order and clipped to the image; a box that reaches out by more than a pixel, has no area or is drawn twice is
    quarantined. Everything else of a known class is shown; what is of no class or cannot be seen is quarantined.

    Args:
        contents: The tasks as the server gave them.
        sample_of: Sample id by upload name.
        schema: The classes; what is drawn under the former name of one counts for it.
        looked_for: Version of the class list that people had, by sample id; that of `schema` where nothing is said.
        image_classes: Classes of whole images.

    Raises:
        LabelError: If a frame belongs to no sample, two tasks have one, or a shape would be lost.
    """
    refuse_strangers(contents, sample_of)
    second = {content.task_id: second_frames(content, sample_of) for content in contents}
    drawn = [each for content in contents for each in drawn_in(content, sample_of, second[content.task_id])]
    of_images = [each for each in drawn if not each.removed and each.is_of_image(image_classes)]
    others = [each for each in drawn if not each.removed and not each.is_of_image(image_classes)]
    objections = [each.objection(schema) for each in others]
    seen = [_is_seen(each, objection) for each, objection in zip(others, objections, strict=True)]
    live = [(each, why) for each, why, is_seen in zip(others, objections, seen, strict=True) if not is_seen]
    rectangles = _frame([_box(each, schema) for each, objection in live if objection is None], BOX_TYPES)
    frames = _frames_that_count(contents, sample_of, second)
    sizes = {sample_id: (frame.width, frame.height) for sample_id, frame in frames if not frame.deleted}
    bad = bad_boxes(rectangles, sizes)
    shown = [each for each, is_seen in zip(others, seen, strict=True) if is_seen]
    shapes = _shapes(shown, contents, sample_of, schema, second)
    unfit = [_set_aside(each, schema, objection) for each, objection in live if objection is not None]
    quarantined = _frame([*unfit, *_records(bad.assign(type=RECTANGLE))], QUARANTINE_TYPES)
    boxes = _clipped(rectangles.drop(bad.index), sizes)
    return LabelVersion(
        schema_version=schema.version,
        boxes=boxes.sort_values(["sample_id", "shape_id"], ignore_index=True),
        reviewed=tuple(sorted(sizes)),
        removed=tuple(sorted({sample_id for sample_id, _ in frames} - set(sizes))),
        quarantined=quarantined.sort_values(["sample_id", "type", "shape_id"], ignore_index=True),
        looked_for={name: min((looked_for or {}).get(name, schema.version), schema.version) for name in sorted(sizes)},
        census=_census(
            received(contents),
            {
                "stored": Counter({RECTANGLE: len(boxes), TAG: len(of_images)}),
                "shown": Counter(each.type for each in shown),
                "quarantined": Counter(quarantined["type"]),
                "removed": Counter(each.type for each in drawn if each.removed),
            },
        ),
        shapes=shapes,
        tags=_frame([_origin(each, schema) for each in of_images], TAG_TYPES).sort_values(
            ["sample_id", "label"], ignore_index=True
        ),
    )


def _frames_that_count(
    contents: Sequence[TaskContent], sample_of: Mapping[str, str], second: _Second
) -> list[tuple[str, AnnotatedFrame]]:
    """Frames with their samples; those are left out whose image an earlier one of their task shows."""
    pairs = ((content.task_id, frame) for content in contents for frame in content.frames)
    return [(sample_of[frame.name], frame) for task_id, frame in pairs if frame.frame not in second[task_id]]


def _is_seen(drawn: Drawn, objection: Quarantine | None) -> bool:
    """Whether it is of a known class, no box, and to be seen all the same."""
    return objection is Quarantine.UNSUPPORTED_SHAPE and can_be_shown(drawn.raw, drawn.frame)


def _shapes(
    shown: Sequence[Drawn],
    contents: Sequence[TaskContent],
    sample_of: Mapping[str, str],
    schema: Schema,
    second: _Second,
) -> pd.DataFrame:
    """One row for each shape and tag, and of a track for each image on which its object is."""
    by_id = {content.task_id: content for content in contents}
    on = (
        (each, frame)
        for each in shown
        for frame in (seen_on(by_id[each.task_id], each.raw) if each.type == TRACK else [each.frame])
        if frame.frame not in second[each.task_id]
    )
    rows = [
        {**_origin(each, schema), "type": each.type, "sample_id": sample_of[frame.name], "frame": frame.frame}
        for each, frame in on
    ]
    return _frame(rows, SHAPE_TYPES).sort_values(["sample_id", "type", "shape_id"], ignore_index=True)


def _box(drawn: Drawn, schema: Schema) -> dict[str, Any]:
    x1, y1, x2, y2 = drawn.raw["points"]
    return {
        **_origin(drawn, schema), "x1": x1, "y1": y1, "x2": x2, "y2": y2,
        "job_id": drawn.frame.job_id, "source": drawn.raw.get("source", "manual"),
    }  # fmt: skip


def _set_aside(drawn: Drawn, schema: Schema, objection: Quarantine) -> dict[str, Any]:
    return {**_origin(drawn, schema), "type": drawn.type, "reason": str(objection)}


def _origin(drawn: Drawn, schema: Schema) -> dict[str, Any]:
    return {
        "sample_id": drawn.sample_id, "label": schema.current(drawn.raw["label"]), "task_id": drawn.task_id,
        "frame": drawn.frame.frame, "shape_id": drawn.raw["id"],
    }  # fmt: skip


def _clipped(boxes: pd.DataFrame, sizes: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    width, height = as_boxes([(*sizes[sample_id], 0, 0) for sample_id in boxes["sample_id"].tolist()])[:, :2].T
    corners = clip(ordered(as_boxes(boxes[CORNERS])), width, height)
    return boxes.assign(**dict(zip(CORNERS, corners.T, strict=True)))


def _census(counts: Counter[str], outcomes: Mapping[str, Counter[str]]) -> pd.DataFrame:
    names = sorted({name for counter in (counts, *outcomes.values()) for name, count in counter.items() if count})
    return _frame(
        [
            {"type": name, "received": counts[name], **{each: outcomes[each][name] for each in OUTCOMES}}
            for name in names
        ],
        CENSUS_TYPES,
    )


def _frame(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> pd.DataFrame:
    """A frame with exactly these columns and types, rows or no rows."""
    columns = {name: pd.Series([row.get(name) for row in rows], dtype=kind) for name, kind in types.items()}
    return pd.DataFrame(columns)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values; what is missing is None, for JSON has no NaN."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [dict(zip(plain.columns, row, strict=True)) for row in plain.itertuples(index=False)]
