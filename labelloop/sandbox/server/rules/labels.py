"""Labels of projects and tasks: made, renamed, added, deleted."""

import colorsys
from typing import Any

from labelloop.sandbox.server import validation
from labelloop.sandbox.server.errors import bad_field, invalid
from labelloop.sandbox.server.store import Row, Store

MOST_CHARACTERS = 64
GOLDEN_RATIO = 0.618034
TYPES = (
    "any", "cuboid", "ellipse", "mask", "points", "polygon", "polyline", "rectangle", "skeleton", "tag",
)  # fmt: skip
INPUT_TYPES = ("checkbox", "radio", "number", "text", "select")


def of_task(store: Store, task: Row) -> list[Row]:
    """The labels a task is annotated with: its project's, or its own."""
    owner = "task_id" if task["project_id"] is None else "project_id"
    equal: Row = {owner: task["id"] if task["project_id"] is None else task["project_id"]}
    return store.find("labels", **equal)


def apply(store: Store, body: Row, **owner: Any) -> None:
    """Create, change or delete labels as the `labels` of a request say; the ones it does not name stay.

    Args:
        store: Where they are kept.
        body: The request; `labels` may be missing.
        owner: `project_id` or `task_id`.

    Raises:
        Refusal: 400, when a name is used twice or a field is wrong.
    """
    for item in _listed(body, "labels"):
        if item.get("id") is not None:
            _change(store, item, owner)
        else:
            _create(store, item, owner, None)
    names = [row["name"] for row in store.find("labels", parent_id=None, **owner)]
    if len(names) != len(set(names)):
        raise invalid("All label names must be unique")


def change(store: Store, label: Row, item: Row) -> None:
    """Rename or recolour a label, or give it attributes; the id, and with it every annotation, stays.

    A label that comes without a colour gets one of CVAT's own choice, whatever people had given it.
    """
    values: Row = {"color": validation.text(item, "color", most=8) if item.get("color") else _color_of(store, label)}
    if "name" in item:
        values["name"] = validation.text(item, "name", most=MOST_CHARACTERS, blank=False)
    if "type" in item:
        values["type"] = validation.choice(item, "type", TYPES, "any")
    store.update("labels", label["id"], **values)
    known = store.find("attributes", label_id=label["id"])
    for spec in _listed(item, "attributes"):
        same = [row for row in known if row["id"] == spec.get("id") or row["name"] == spec.get("name")]
        if same:
            store.update("attributes", same[0]["id"], **_changed_attribute(same[0], spec))
        else:
            store.insert("attributes", label_id=label["id"], **_attribute(spec))


def delete(store: Store, label: Row) -> None:
    """Delete a label and, as CVAT does, every annotation that has it."""
    for child in store.find("labels", parent_id=label["id"]):
        delete(store, child)
    for table in ("shapes", "tags", "tracks", "attributes"):
        store.delete(table, label_id=label["id"])
    store.delete("labels", id=label["id"])


def _change(store: Store, item: Row, owner: Row) -> None:
    label = store.first("labels", id=item["id"], **owner)
    if label is None:
        raise invalid(f"Not found label with id #{item['id']} to change")
    if item.get("deleted"):
        delete(store, label)
    else:
        change(store, label, item)


def _create(store: Store, item: Row, owner: Row, parent_id: int | None) -> None:
    name = validation.text(item, "name", most=MOST_CHARACTERS, blank=False)
    color = validation.text(item, "color", most=8) if item.get("color") else _color(store.count("labels", **owner))
    label_id = store.insert(
        "labels", name=name, color=color, parent_id=parent_id,
        type=validation.choice(item, "type", TYPES, "any"), svg=str(item.get("svg") or ""), **owner,
    )  # fmt: skip
    for spec in _listed(item, "attributes"):
        store.insert("attributes", label_id=label_id, **_attribute(spec))
    for child in _listed(item, "sublabels"):
        _create(store, child, owner, label_id)


def _attribute(spec: Row) -> Row:
    """The columns of an attribute specification."""
    choices = [str(value) for value in spec.get("values") or spec.get("choices") or [""]]
    return {
        "name": validation.text(spec, "name", most=MOST_CHARACTERS, blank=False),
        "mutable": int(bool(spec.get("mutable"))),
        "input_type": validation.choice(spec, "input_type", INPUT_TYPES, "text"),
        "default_value": str(spec.get("default_value") or choices[0]),
        "choices": choices,
    }


def _changed_attribute(known: Row, spec: Row) -> Row:
    """The columns of an attribute that is there: what people may have answered stays possible.

    Raises:
        Refusal: 400, when the way to answer changes or a choice goes away.
    """
    new = _attribute({**known, **spec})
    for name in ("mutable", "input_type"):
        if new[name] != known[name]:
            raise invalid(f'Attribute field "{name}" cannot be changed')
    if known["input_type"] in ("radio", "select") and not set(known["choices"]) <= set(new["choices"]):
        raise invalid('Attribute field "values" can only be appended for radio and select attributes')
    if known["input_type"] == "number" and new["choices"] != known["choices"]:
        raise invalid('Attribute field "values" cannot be changed for number attributes')
    return new


def _listed(body: Row, name: str) -> list[Row]:
    """A field that is a list of objects, or nothing."""
    value: Any = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad_field(name, "Expected a list of items.")
    return value


def _color_of(store: Store, label: Row) -> str:
    """The colour that CVAT chooses for a label: the one it would have got when it was made."""
    owner = "task_id" if label["project_id"] is None else "project_id"
    before = [row for row in store.find("labels", **{owner: label[owner]}) if row["id"] < label["id"]]
    return _color(len(before))


def _color(count: int) -> str:
    """A colour far from those of the labels before it: each turns the hue by the golden ratio."""
    red, green, blue = colorsys.hls_to_rgb((0.02 + count * GOLDEN_RATIO) % 1, 0.55, 0.75)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
