"""The checks an annotation passes on its way in, with CVAT's words, and the defaults that complete it."""

from collections.abc import Callable, Collection
from typing import Any

from labelloop.sandbox.server.errors import Refusal, invalid
from labelloop.sandbox.server.serializers.annotation import KINDS, Specs
from labelloop.sandbox.server.store import Row
from labelloop.sandbox.server.validation import REQUIRED

TYPES = ("rectangle", "polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton")

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

Errors = dict[str, list[Any]]


def checked(body: Row, specs: Specs, *, with_ids: bool) -> dict[str, list[Row]]:
    """The tags, shapes and tracks of a request, completed.

    Args:
        body: The request; kinds that are missing are empty.
        specs: Attribute specifications of the labels that may be used.
        with_ids: Whether annotations may have ids; those that are made anew may not.

    Raises:
        Refusal: 400, which tells for each annotation what is wrong with it.
    """
    complete = {"tags": _tag, "shapes": _shape, "tracks": _track}
    items: dict[str, list[Row]] = {}
    for kind in KINDS:
        given = body.get(kind) or []
        errors = [_errors(kind, item, with_ids=with_ids) for item in given]
        if any(errors):
            raise Refusal(400, {kind: errors})
        items[kind] = [complete[kind](item) for item in given]
    for kind in KINDS:
        for item in items[kind]:
            _check_label(item, specs)
    return items


def _errors(kind: str, item: Any, *, with_ids: bool) -> Errors:
    """What is wrong with one annotation, by field."""
    if not isinstance(item, dict):
        return {"non_field_errors": ["Invalid data. Expected a dictionary."]}
    errors = _missing(item, ("label_id", "frame", *(("type",) if kind == "shapes" else ())))
    if "frame" not in errors and not _is_index(item["frame"]):
        errors["frame"] = ["A valid integer is required."]
    if not with_ids and item.get("id") is not None:
        errors["id"] = ["must be absent"]
    if kind == "shapes":
        errors.update(_shape_errors(item))
    if kind == "tracks":
        found = [_missing(shape, ("type", "frame")) | _shape_errors(shape) for shape in item.get("shapes") or []]
        errors.update({"shapes": found} if any(found) else {})
    return errors


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _missing(item: Row, names: Collection[str]) -> Errors:
    return {name: [REQUIRED] for name in names if item.get(name) is None}


def _shape_errors(item: Row) -> Errors:
    kind, points = item.get("type"), item.get("points") or []
    if kind is None:
        return {}
    if kind not in TYPES:
        return {"type": [f'"{kind}" is not a valid choice.']}
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in points):
        return {"points": ["A valid number is required."]}
    if item.get("source") == "":
        return {"source": ["This field may not be blank."]}
    return {} if LENGTHS[kind](len(points)) else {"points": [f"invalid length for shape type '{kind}'"]}


def _check_label(item: Row, specs: Specs) -> None:
    if item["label_id"] not in specs:
        raise invalid(f"label_id `{item['label_id']}` is invalid")
    allowed = {spec["id"] for spec in specs[item["label_id"]]}
    keyframes = [shape for shape in item.get("shapes", ()) if "label_id" not in shape]
    for holder in [item, *keyframes]:
        for attribute in holder["attributes"]:
            if attribute.get("spec_id") not in allowed:
                raise invalid(f"spec_id `{attribute.get('spec_id')}` is invalid")
    for element in item.get("elements", ()):
        _check_label(element, specs)


def _drawn(item: Row) -> Row:
    """The part that a shape and the keyframe of a track have in common."""
    return {
        "type": item["type"],
        "occluded": bool(item.get("occluded", False)),
        "outside": bool(item.get("outside", False)),
        "z_order": item.get("z_order", 0),
        "rotation": item.get("rotation", 0),
        "points": list(item.get("points") or []),
    }


def _placed(item: Row) -> Row:
    """The part that every annotation has."""
    return {
        **({"id": item["id"]} if item.get("id") is not None else {}),
        "frame": item["frame"],
        "label_id": item["label_id"],
        "group": item.get("group"),
        "source": item.get("source") or "manual",
        "attributes": _attributes(item),
    }


def _attributes(item: Row) -> list[Row]:
    return [
        {"spec_id": attribute.get("spec_id"), "value": str(attribute.get("value", ""))}
        for attribute in item.get("attributes") or []
    ]


def _tag(item: Row) -> Row:
    return _placed(item)


def _shape(item: Row) -> Row:
    elements = [_shape({"frame": item["frame"], **element}) for element in item.get("elements") or []]
    return {**_drawn(item), **_placed(item), "elements": elements}


def _track(item: Row) -> Row:
    keyframes = [
        {**_drawn(shape), "id": shape.get("id"), "frame": shape["frame"], "attributes": _attributes(shape)}
        for shape in item.get("shapes") or []
    ]
    elements = [_track({"frame": item["frame"], **element}) for element in item.get("elements") or []]
    return {**_placed(item), "shapes": keyframes, "elements": elements}
