"""Whether labels would look as people left them once they had been in CVAT and back: else they are not sent there."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from labelloop.core.annotation import content_hash
from labelloop.core.errors import LabelError
from labelloop.core.redrawn import where
from labelloop.core.shape_labels import DRAWN, NOWHERE, ShapeLabel
from labelloop.core.vocabulary import Field

CLOSE = 1e-6  # shares of the image
TOLD = ("type", "occluded", "z_order", "rotation", "group", "source")
SAID_OF_PLACE = ("visibility", "parts", "keyframe", "set_aside", "task_id", "shape_id", "track_id")
BOXES = (Field.HUMAN_LABELS, Field.HUMAN_SHAPES)
TAGS = (Field.HUMAN_TAGS, Field.HUMAN_CLASSIFICATIONS)

State = Mapping[str, Mapping[str, str]]  # by sample and field a hash of its labels


def state(labels: Sequence[ShapeLabel], sample_ids: Collection[str], fields: Collection[Field]) -> dict[str, Any]:
    """A hash of the labels of each sample and field: another one as soon as anything on them is another.

    Args:
        labels: What these samples show.
        sample_ids: Samples.
        fields: Fields that count.
    """
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for label in labels:
        found[label.sample_id, str(label.shown_in)].append(_digest(label))
    return {each: {str(f): content_hash(sorted(found[each, str(f)])) for f in fields} for each in sorted(sample_ids)}


def refuse_unlike(
    left: Sequence[ShapeLabel], found: Sequence[ShapeLabel], known: Callable[[ShapeLabel], Collection[str]]
) -> None:
    """Refuse labels that would not come back as people left them.

    Args:
        left: Labels of some images as people left them.
        found: What these images would show afterwards.
        known: Attributes that a label may have, whatever it says.

    Raises:
        LabelError: If one would be another, or gone, or one would be there that is not; names it.
    """
    rest: dict[str, list[ShapeLabel]] = defaultdict(list)
    aside = {(label.sample_id, label.key) for label in left if label.about.get("set_aside")}
    for label in found:
        rest[label.sample_id].append(label)
    for label in left:
        there = rest[label.sample_id]
        alike = [each for each in there if _is_alike(label, each, known(label))]
        if not alike:
            unfit = [e for e in there if e.about.get("set_aside") and (e.sample_id, e.key) not in aside]
            why = f": it would be set aside ({unfit[0].about['set_aside']})" if unfit else ""
            raise LabelError(
                f"{where(label)} in {label.shown_in} cannot go to CVAT as it is{why}",
                "Undo the change in the App, or make it in CVAT; nothing was written.",
            )
        # Its own first: two may look alike.
        there.remove(next((each for each in alike if each.key == label.key), alike[0]))
    for label in (each for labels in rest.values() for each in labels):
        raise LabelError(
            f"{where(label)} cannot be taken away from the App alone", "Delete it in CVAT; nothing was written."
        )


def _is_alike(left: ShapeLabel, found: ShapeLabel, known: Collection[str]) -> bool:
    of_box = left.shown_in in BOXES and found.shown_in in BOXES and left.mask is None and found.mask is None
    of_image = left.shown_in in TAGS and found.shown_in in TAGS
    if not of_box and not of_image and (left.shown_in != found.shown_in or left.closed != found.closed):
        return False
    said = found.label == left.label and all(found.said.get(n) == v for n, v in left.said.items() if n in known)
    return said and _are_told_alike(left, found, of_box=of_box) and _is_in_place(left, found)


def _are_told_alike(left: ShapeLabel, found: ShapeLabel, *, of_box: bool) -> bool:
    """Marks; one that a label which people drew does not have is the default."""
    aside = found.about.get("set_aside")
    if aside and aside != left.about.get("set_aside"):
        return False
    names = [n for n in TOLD if n in left.about and not (of_box and n not in found.about)]
    return all(_plain(left.about[n], n) == _plain(found.about.get(n), n) for n in names) and _are_seen_alike(
        left, found
    )


def _are_seen_alike(left: ShapeLabel, found: ShapeLabel) -> bool:
    """Visibility of the parts of a skeleton that have a place; one that got it is seen."""
    was, now = left.about.get("visibility"), found.about.get("visibility")
    if was is None or now is None:
        return True
    pairs = list(zip(was, now, strict=False))
    return len(was) == len(now) and all(one == other or NOWHERE in (one, other) for one, other in pairs)


def _plain(value: Any, name: str) -> Any:
    if value is None:
        value = DRAWN.get(name)
    return round(value, 6) if isinstance(value, float) else value or None


def _is_in_place(left: ShapeLabel, found: ShapeLabel) -> bool:
    if len(left.rings) != len(found.rings) or len(left.box) != len(found.box):
        return False
    if (left.mask is None) != (found.mask is None):
        return False
    if left.mask is not None and found.mask is not None and not np.array_equal(left.mask, found.mask):
        return False
    pairs = [*zip(left.rings, found.rings, strict=True), (np.asarray(left.box), np.asarray(found.box))]
    return all(
        np.shape(here) == np.shape(there) and np.allclose(here, there, rtol=1e-9, atol=CLOSE, equal_nan=True)
        for here, there in pairs
    )


def _digest(label: ShapeLabel) -> str:
    rings = [[[_number(value) for value in point] for point in ring] for ring in label.rings]
    mask = None if label.mask is None else [list(label.mask.shape), np.packbits(label.mask).tobytes().hex()]
    about = {name: _plain(label.about[name], name) for name in (*TOLD, *SAID_OF_PLACE) if name in label.about}
    about = {name: value for name, value in about.items() if value is not None}
    box = [_number(value) for value in label.box]
    return content_hash([label.label, rings, label.closed, box, mask, about, dict(label.said)])


def _number(value: float) -> str:
    return f"{float(value):.12g}"
