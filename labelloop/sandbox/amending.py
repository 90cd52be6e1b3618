"""What annotators do where boxes are drawn already: keep the right ones, correct or delete the others, add the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import change_shapes
from labelloop.core.boxes import as_boxes, iou
from labelloop.core.vocabulary import AUTOMATIC, DrawnBy

GOOD_ENOUGH = 0.9  # IoU from which nobody bothers to move a box of the right class
WORTH_MOVING = 0.5  # IoU from which moving a box is less work than drawing it

Shape = Mapping[str, Any]


@dataclass
class Amendment:
    """Shapes to create, update and delete in a job; what is in none of them is kept."""

    create: list[Shape] = field(default_factory=list)
    update: list[Shape] = field(default_factory=list)
    delete: list[Shape] = field(default_factory=list)


def amendment(there: Sequence[Shape], wanted: Sequence[Shape]) -> Amendment:
    """How an annotator makes a job say what is wanted.

    Args:
        there: Shapes in the job, as CVAT gives them.
        wanted: Rectangles the annotator would have drawn on empty images.
    """
    whole = Amendment()
    for frame in sorted({shape["frame"] for shape in (*there, *wanted)}):
        _amend([s for s in there if s["frame"] == frame], [s for s in wanted if s["frame"] == frame], whole)
    return whole


def apply(server: CvatServer, job_id: int, amended: Amendment) -> None:
    """Write an amendment; one that broke off half-way is amended again."""
    if amended.delete:
        change_shapes(server, job_id, "delete", amended.delete)
    if amended.update:
        change_shapes(server, job_id, "update", amended.update)
    if amended.create:
        change_shapes(server, job_id, "create", amended.create)


def _amend(there: Sequence[Shape], wanted: Sequence[Shape], into: Amendment) -> None:
    boxes = [s for s in there if s["type"] == "rectangle" and not s.get("rotation", 0.0) % 360.0]
    into.delete += [shape for shape in there if shape not in boxes]
    same = np.array([[one["label_id"] == other["label_id"] for other in boxes] for one in wanted], dtype=bool)
    overlap = iou(as_boxes([s["points"] for s in wanted]), as_boxes([s["points"] for s in boxes]))
    done, used = set[int](), set[int]()
    # Those of the right class first, the nearest before all others.
    for place in np.argsort(-(overlap + same.reshape(overlap.shape)), axis=None, kind="stable"):
        one, other = divmod(int(place), len(boxes))
        if one in done or other in used or overlap[one, other] < WORTH_MOVING:
            continue
        done.add(one)
        used.add(other)
        if overlap[one, other] < GOOD_ENOUGH or not same[one, other]:
            into.update.append(_corrected(boxes[other], wanted[one]))
    into.create += [shape for number, shape in enumerate(wanted) if number not in done]
    into.delete += [shape for number, shape in enumerate(boxes) if number not in used]


def _corrected(shape: Shape, wanted: Shape) -> dict[str, Any]:
    """The box where it should be; its source changes as in CVAT's editor, attributes are those of another class."""
    source = str(DrawnBy.SEMI_AUTO) if shape.get("source") in AUTOMATIC else shape.get("source", DrawnBy.MANUAL)
    kept = shape.get("attributes", []) if shape["label_id"] == wanted["label_id"] else []
    return {**shape, "label_id": wanted["label_id"], "points": wanted["points"], "source": source, "attributes": kept}
