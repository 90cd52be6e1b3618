"""Labels of a CVAT project held against those that are wanted: what is missing is added, the rest stays."""

from collections.abc import Mapping, Sequence
from typing import Any

from labelloop.core.errors import CvatError
from labelloop.core.label_spec import ANY, AttributeSpec, LabelSpec, differences, missing_attributes, values_of


def as_sent(spec: LabelSpec) -> dict[str, Any]:
    """A new label as CVAT takes it."""
    body = {"name": spec.name, "type": spec.type or ANY, "attributes": [_attribute(each) for each in spec.attributes]}
    return body | ({"color": spec.color} if spec.color else {})


def changes(
    project: str, there: Sequence[Mapping[str, Any]], wanted: Sequence[LabelSpec], renamed: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What to send so that a project has the labels that are wanted; empty when it has.

    A class that was renamed keeps its label, under the new name; where both names are there already, both stay. The
    colour goes along with every change: CVAT gives a label that is sent without one a new colour.

    Args:
        project: Name of the project, for errors.
        there: Its labels, as CVAT lists them.
        wanted: Labels by the names of today.
        renamed: Today's name by former name.

    Raises:
        CvatError: If a label or an attribute is there and differs; shows both sides.
    """
    by_name = {str(label["name"]): label for label in there}
    former = {new: by_name[old] for old, new in reversed(list(renamed.items())) if old in by_name}
    found = {spec.name: by_name.get(spec.name) or former.get(spec.name) for spec in wanted}
    _refuse_differences(project, wanted, found)
    sent = [as_sent(spec) if (label := found[spec.name]) is None else _changed(spec, label) for spec in wanted]
    return [change for change in sent if change]


def read(label: Mapping[str, Any]) -> LabelSpec:
    """A label as CVAT lists it."""
    attributes = (
        AttributeSpec(
            name=str(each["name"]),
            input_type=str(each["input_type"]),
            values=values_of(str(each["input_type"]), [str(value) for value in each.get("values") or []]),
            default=str(each.get("default_value") or ""),
            mutable=bool(each.get("mutable")),
        )
        for each in label.get("attributes") or []
    )
    return LabelSpec(
        str(label["name"]), str(label.get("type") or ANY), str(label.get("color") or ""), tuple(attributes)
    )


def _refuse_differences(
    project: str, wanted: Sequence[LabelSpec], found: Mapping[str, Mapping[str, Any] | None]
) -> None:
    said = [line for spec in wanted if (label := found[spec.name]) for line in differences(spec, read(label))]
    if said:
        raise CvatError(
            f"CVAT project '{project}' differs from annotation.labels in labelloop.yaml: {'; '.join(said)}",
            "Correct labelloop.yaml, or the label in CVAT; labelloop changes neither, for annotations depend on it.",
        )


def _changed(spec: LabelSpec, label: Mapping[str, Any]) -> dict[str, Any]:
    """A label that is there, with a new name or further attributes; empty when there is nothing to change."""
    new = [_attribute(each) for each in missing_attributes(spec, read(label))]
    if label["name"] == spec.name and not new:
        return {}
    return {"id": label["id"], "name": spec.name, "color": label["color"], "attributes": new}


def _attribute(spec: AttributeSpec) -> dict[str, Any]:
    values = list(spec.values) or ([spec.default] if spec.input_type == "checkbox" else [])
    return {
        "name": spec.name, "input_type": spec.input_type, "mutable": spec.mutable, "values": values,
        "default_value": spec.default,
    }  # fmt: skip
