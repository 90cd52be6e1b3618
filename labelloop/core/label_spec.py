"""What an annotation server is to know of a label beside its name: colour, type and attributes."""

from collections.abc import Sequence
from dataclasses import dataclass

ANY = "any"  # the type of a label that every tool may draw
WITH_CHOICES = ("select", "radio")


@dataclass(frozen=True)
class AttributeSpec:
    """A question about each object of a label, as people answer it in CVAT.

    Attributes:
        name: Name, unique within the label.
        input_type: select, radio, checkbox, number or text.
        values: Choices; for a number its least, its greatest and its step; otherwise none.
        default: What an object has that nobody answered for.
        mutable: Whether the answer may change along a track.
    """

    name: str
    input_type: str
    values: tuple[str, ...] = ()
    default: str = ""
    mutable: bool = False

    @property
    def told(self) -> str:
        """The attribute in words; the default is left out, for people may change it."""
        choices = f" {', '.join(self.values)}" if self.values else ""
        return f"{'mutable ' if self.mutable else ''}{self.input_type}{choices}"


@dataclass(frozen=True)
class LabelSpec:
    """A label; an empty type or colour leaves it to the server."""

    name: str
    type: str = ""
    color: str = ""
    attributes: tuple[AttributeSpec, ...] = ()


def differences(wanted: LabelSpec, there: LabelSpec) -> list[str]:
    """What a label of the server contradicts, one sentence each that shows both sides.

    A colour, a default and an attribute that only the server has are what people set there, and stay.
    """
    said = []
    if wanted.type and wanted.type != there.type:
        said.append(f"label '{wanted.name}' is of type {wanted.type} here and {there.type} there")
    known = {attribute.name: attribute for attribute in there.attributes}
    for attribute in wanted.attributes:
        other = known.get(attribute.name)
        if other is not None and attribute.told != other.told:
            where = f"attribute '{attribute.name}' of label '{wanted.name}'"
            said.append(f"{where} is {attribute.told} here and {other.told} there")
    return said


def missing_attributes(wanted: LabelSpec, there: LabelSpec) -> list[AttributeSpec]:
    """The attributes that the label of the server does not have yet."""
    known = {attribute.name for attribute in there.attributes}
    return [attribute for attribute in wanted.attributes if attribute.name not in known]


def values_of(input_type: str, values: Sequence[str]) -> tuple[str, ...]:
    """The values that mean something: CVAT keeps some for a checkbox and a text as well."""
    if input_type not in (*WITH_CHOICES, "number"):
        return ()
    return tuple(_number(value) for value in values) if input_type == "number" else tuple(values)


def is_a_range(values: Sequence[str]) -> bool:
    """Whether values are the least, the greatest and the step of a number."""
    try:
        least, greatest, step = map(float, values)
    except ValueError:
        return False
    return least < greatest and step > 0


def _number(text: str) -> str:
    """A number as it is written here: 1.0 and 1 are the same."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return text
