"""What makes an annotation impossible, told by field in CVAT's words. Nothing that cannot be read back is let in."""

import math
from collections.abc import Callable, Collection
from typing import Any

from labelloop.sandbox.server.store import Row
from labelloop.sandbox.server.validation import REQUIRED

Errors = dict[str, list[Any]]

NOT_A_LIST = 'Expected a list of items but got type "{}".'
NOT_AN_OBJECT = "Invalid data. Expected a dictionary."
NO_INTEGER = "A valid integer is required."
NO_NUMBER = "A valid number is required."

MOST_CHARACTERS = 4096  # of an attribute's value
FULL_TURN = 360

LENGTHS: dict[str, Callable[[int], bool]] = {
    "rectangle": lambda n: n == 4,
    "ellipse": lambda n: n == 4,
    "polygon": lambda n: n >= 6 and n % 2 == 0,
    "polyline": lambda n: n >= 4 and n % 2 == 0,
    "points": lambda n: n >= 2 and n % 2 == 0,
    "cuboid": lambda n: n == 16,
    "mask": lambda n: n >= 5,
    "skeleton": lambda n: n == 0,
}


def of_list(kind: str, given: Any, *, with_ids: bool) -> list[Errors]:
    """What is wrong with each of the tags, shapes or tracks of a request."""
    if not isinstance(given, list):
        return [{"non_field_errors": [NOT_A_LIST.format(type(given).__name__)]}]
    return [_of_item(kind, item, with_ids=with_ids) for item in given]


def _of_item(kind: str, item: Any, *, with_ids: bool) -> Errors:
    if not isinstance(item, dict):
        return {"non_field_errors": [NOT_AN_OBJECT]}
    errors = _placing(item, ("label_id", "frame"))
    if (item.get("id") is not None) != with_ids:
        errors["id"] = ["must be present" if with_ids else "must be absent"]
    if kind == "shapes":
        errors |= _drawing(item) | _nested(item, "elements", _element)
    if kind == "tracks":
        errors |= _nested(item, "shapes", _keyframe) | _nested(item, "elements", _part)
    return errors


def _element(item: Row) -> Errors:
    """A part of a skeleton that stands still; CVAT wants its frame again, beside the skeleton's."""
    return _placing(item, ("label_id", "frame")) | _drawing(item)


def _keyframe(item: Row) -> Errors:
    return _placing(item, ("frame",)) | _drawing(item)


def _part(item: Row) -> Errors:
    """A part of a skeleton that moves."""
    return _placing(item, ("label_id", "frame")) | _nested(item, "shapes", _keyframe)


def _placing(item: Row, required: Collection[str]) -> Errors:
    """The fields that every annotation has: where it is, what it is, what is said about it."""
    errors: Errors = {name: [REQUIRED] for name in required if item.get(name) is None}
    for name in ("label_id", "frame", "group", "id"):
        if item.get(name) is not None and not _is_index(item[name]):
            errors[name] = [NO_INTEGER]
    if item.get("source") == "":
        errors["source"] = ["This field may not be blank."]
    return errors | _nested(item, "attributes", _attribute)


def _attribute(item: Row) -> Errors:
    errors: Errors = {} if _is_index(item.get("spec_id")) else {"spec_id": [NO_INTEGER]}
    value = str(item.get("value", ""))
    if "\0" in value:
        errors["value"] = ["Null characters are not allowed."]
    elif len(value.strip()) > MOST_CHARACTERS:
        errors["value"] = [f"Ensure this field has no more than {MOST_CHARACTERS} characters."]
    return errors


def _drawing(item: Row) -> Errors:
    """The fields of a shape and of a keyframe."""
    kind, points = item.get("type"), item.get("points") or []
    if kind is None:
        return {"type": [REQUIRED]}
    if kind not in LENGTHS:
        return {"type": [f'"{kind}" is not a valid choice.']}
    if not isinstance(points, list) or not all(map(_is_number, points)):
        return {"points": [NO_NUMBER]}
    turned = _turned(item.get("rotation", 0))
    if turned:
        return {"rotation": [turned]}
    if not isinstance(item.get("z_order", 0), int):
        return {"z_order": [NO_INTEGER]}
    return {} if LENGTHS[kind](len(points)) else {"points": [f"invalid length for shape type '{kind}'"]}


def _turned(rotation: Any) -> str:
    """What is wrong with an angle in degrees; empty when nothing is."""
    if not _is_number(rotation):
        return NO_NUMBER
    if rotation < 0:
        return "Ensure this value is greater than or equal to 0."
    return "" if rotation <= FULL_TURN else f"Ensure this value is less than or equal to {FULL_TURN}."


def _nested(item: Row, name: str, check: Callable[[Row], Errors]) -> Errors:
    """What is wrong inside a list of objects within an annotation."""
    inner = item.get(name) or []
    if not isinstance(inner, list) or not all(isinstance(one, dict) for one in inner):
        return {name: [NOT_AN_OBJECT]}
    errors = [check(one) for one in inner]
    return {name: errors} if any(errors) else {}


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
