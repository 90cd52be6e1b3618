"""Annotations as CVAT writes them: one way in the answer to a write, another when they are read."""

from collections.abc import Mapping, Sequence

from labelloop.sandbox.server.store import Row

KINDS = ("tags", "shapes", "tracks")

TAG_KEYS = ("id", "label_id", "frame", "group", "source", "attributes")

SHAPE_KEYS = (
    "id", "label_id", "type", "frame", "group", "source", "occluded", "outside", "z_order", "rotation", "points",
    "attributes", "elements",
)  # fmt: skip

Specs = Mapping[int, Sequence[Row]]  # attribute specifications by label id


def written(items: Mapping[str, Sequence[Row]]) -> Row:
    """What a write stored, as given."""
    return {"version": 0, **{kind: [_in_order(item) for item in items.get(kind, ())] for kind in KINDS}}


def read(rows: Mapping[str, Sequence[Row]], specs: Specs) -> Row:
    """What is stored, with the attributes that were left out at their defaults."""
    return {
        "version": 0,
        "tags": [_tag({**row["body"], "id": row["id"]}, specs) for row in rows["tags"]],
        "shapes": [_shape({**row["body"], "id": row["id"]}, specs) for row in rows["shapes"]],
        "tracks": [_track({"id": row["id"], **row["body"]}, specs) for row in rows["tracks"]],
    }


def _in_order(item: Row) -> Row:
    """An annotation with its id where CVAT writes it: before the frame."""
    keys = [key for key in item if key != "id"]
    place = keys.index("frame")
    return {key: item[key] for key in [*keys[:place], "id", *keys[place:]]}


def _item(body: Row, specs: Specs, *, mutable: bool | None = None) -> Row:
    """The attributes of a body, completed. `mutable` picks those that change, or those that do not, along a track."""
    given = list(body["attributes"])
    known = {attribute["spec_id"] for attribute in given}
    missing = [
        {"spec_id": spec["id"], "value": spec["default_value"]}
        for spec in specs.get(body["label_id"], ())
        if spec["id"] not in known and mutable in (None, bool(spec["mutable"]))
    ]
    return {**body, "attributes": given + missing}


def _tag(body: Row, specs: Specs) -> Row:
    whole = _item(body, specs)
    return {key: whole[key] for key in TAG_KEYS}


def _shape(body: Row, specs: Specs) -> Row:
    whole = _item(body, specs)
    shown = {key: whole[key] for key in SHAPE_KEYS if key in whole}
    parts = {"elements": [_shape(element, specs) for element in whole["elements"]]} if "elements" in whole else {}
    return {**shown, **_numbers(whole), **parts}


def _track(body: Row, specs: Specs) -> Row:
    whole = _item(body, specs, mutable=False)
    keyframes: list[Row] = []
    for shape in sorted(whole["shapes"], key=lambda shape: shape["frame"]):
        # What a keyframe does not say is as the keyframe before it says.
        before = keyframes[-1]["attributes"] if keyframes else _defaults(body, specs)
        said = {attribute["spec_id"] for attribute in shape["attributes"]}
        left = [attribute for attribute in before if attribute["spec_id"] not in said]
        keyframes.append({**shape, **_numbers(shape), "attributes": [*shape["attributes"], *left]})
    parts = {"elements": [_track(element, specs) for element in whole["elements"]]} if "elements" in whole else {}
    return {**whole, "shapes": keyframes, **parts}


def _defaults(body: Row, specs: Specs) -> list[Row]:
    """What may change along a track, before anything is said about it."""
    mutable = [spec for spec in specs.get(body["label_id"], ()) if spec["mutable"]]
    return [{"spec_id": spec["id"], "value": spec["default_value"]} for spec in mutable]


def _numbers(drawn: Row) -> Row:
    return {"points": [float(value) for value in drawn["points"]], "rotation": float(drawn["rotation"])}
