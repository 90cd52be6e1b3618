"""Annotations on their way in: checked, and completed with CVAT's defaults."""

from collections.abc import Sequence

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
    own = specs[item["label_id"]]
    if "shapes" in item:
        # Along a track, what may change is said with each keyframe and all else once.
        _check_attributes(item, [spec for spec in own if not spec["mutable"]])
        for keyframe in item["shapes"]:
            _check_attributes(keyframe, [spec for spec in own if spec["mutable"]])
    else:
        _check_attributes(item, own)
    for element in item.get("elements", ()):
        _check_label(element, specs)


def _check_attributes(holder: Row, allowed: Sequence[Row]) -> None:
    known = {spec["id"] for spec in allowed}
    for attribute in holder["attributes"]:
        if attribute.get("spec_id") not in known:
            raise invalid(f"spec_id `{attribute.get('spec_id')}` is invalid")


def _drawn(item: Row) -> Row:
    """The part that a shape and the keyframe of a track have in common."""
    return {
        "type": item["type"],
        "occluded": bool(item.get("occluded", False)),
        "outside": bool(item.get("outside", False)),
        "z_order": item.get("z_order", 0),
        "rotation": item.get("rotation", 0),
        # A skeleton has no points but those of its parts.
        "points": [] if item["type"] == "skeleton" else list(item.get("points") or []),
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
        {"spec_id": attribute.get("spec_id"), "value": str(attribute.get("value", "")).strip()}
        for attribute in item.get("attributes") or []
    ]


def _tag(item: Row) -> Row:
    return _placed(item)


def _shape(item: Row) -> Row:
    parts = [{**_drawn(part), **_placed(part)} for part in item.get("elements") or []]
    return {**_drawn(item), **_placed(item), "elements": parts}


def _track(item: Row) -> Row:
    whole = _moving(item)
    parts = [_moving(part) for part in item.get("elements") or []]
    for part in parts:
        _begin(part, min(part["frame"], whole["frame"]))
    return {**whole, "elements": parts}


def _moving(item: Row) -> Row:
    """A track without its parts."""
    keyframes = [
        {**_drawn(shape), "id": shape.get("id"), "frame": shape["frame"], "attributes": _attributes(shape)}
        for shape in sorted(item.get("shapes") or [], key=lambda shape: int(shape["frame"]))
    ]
    track = {**_placed(item), "shapes": keyframes}
    _begin(track, item["frame"])
    return track


def _begin(track: Row, frame: int) -> None:
    """Let a track begin at this frame, or where it is seen first; it is outside until then, as CVAT has it."""
    keyframes = track["shapes"]
    if not keyframes:
        return
    track["frame"] = min(frame, keyframes[0]["frame"])
    if keyframes[0]["type"] == "skeleton":
        keyframes[0]["frame"] = track["frame"]
    elif track["frame"] < keyframes[0]["frame"]:
        keyframes.insert(0, {**keyframes[0], "id": None, "frame": track["frame"], "outside": True})
