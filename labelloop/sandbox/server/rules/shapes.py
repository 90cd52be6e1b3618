"""Annotations on their way in: checked, and completed with CVAT's defaults."""

from labelloop.sandbox.server.errors import Refusal, invalid
from labelloop.sandbox.server.rules import shape_checks
from labelloop.sandbox.server.serializers.annotation import KINDS, Specs
from labelloop.sandbox.server.store import Row


def checked(body: Row, specs: Specs, *, with_ids: bool) -> dict[str, list[Row]]:
    """The tags, shapes and tracks of a request, completed.

    Args:
        body: The request; kinds that are missing are empty.
        specs: Attribute specifications of the labels that may be used.
        with_ids: Whether annotations have ids: those that are there do, those that are made anew do not.

    Raises:
        Refusal: 400, which tells for each annotation what is wrong with it.
    """
    complete = {"tags": _tag, "shapes": _shape, "tracks": _track}
    items: dict[str, list[Row]] = {}
    for kind in KINDS:
        given = body.get(kind) or []
        errors = shape_checks.of_list(kind, given, with_ids=with_ids)
        if any(errors):
            raise Refusal(400, {kind: errors})
        items[kind] = [complete[kind](item) for item in given]
    for kind in KINDS:
        for item in items[kind]:
            _check_label(item, specs)
    return items


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
