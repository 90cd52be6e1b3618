"""Labels of CVAT as `annotation.labels` of `labelloop.yaml` describes them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from labelloop.core.label_spec import WITH_CHOICES, AttributeSpec, LabelSpec, is_a_range, values_of
from labelloop.settings.section import Section

MOST_CHARACTERS = 64  # of a label and of an attribute in CVAT
Name = Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS)]
# CVAT keeps the values of an attribute as lines of one text.
Value = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$"), Field(coerce_numbers_to_str=True)
]


class AttributeSettings(Section):
    """A question about each object of a label."""

    name: Name = Field(description="Name, unique within the label.")
    input: Literal["select", "radio", "checkbox", "number", "text"] = Field(description="How people answer.")
    values: tuple[Value, ...] = Field(
        (), description="select, radio: the choices. number: least, greatest, step. Others: none."
    )
    default: str | None = Field(
        None,
        coerce_numbers_to_str=True,
        description="Answer of who says nothing; null: the first choice, the least number, false, or an empty text.",
    )
    mutable: bool = Field(False, description="The answer may change along a track.")

    @model_validator(mode="after")
    def _consistent(self) -> "AttributeSettings":
        values, default = self.values, self._default
        if self.input in WITH_CHOICES and (not values or len(set(values)) < len(values)):
            raise ValueError(f"a {self.input} needs values, each once")
        if self.input == "number" and not is_a_range(values):
            raise ValueError("a number needs the values least, greatest and step, such as [0, 10, 1]")
        if self.input in ("checkbox", "text") and values:
            raise ValueError(f"a {self.input} has no values")
        if self.input in WITH_CHOICES and default not in values:
            raise ValueError(f"default '{default}' is none of the values {', '.join(values)}")
        if self.input == "checkbox" and default not in ("true", "false"):
            raise ValueError('the default of a checkbox is "true" or "false"')
        if self.input == "number" and not _lies_in(default, values):
            raise ValueError(f"default '{default}' is no number from {values[0]} to {values[1]}")
        return self

    @property
    def _default(self) -> str:
        if self.default is not None:
            return self.default
        return {"text": "", "checkbox": "false"}.get(self.input) or (self.values[0] if self.values else "")

    @property
    def spec(self) -> AttributeSpec:
        """The attribute as it is sent."""
        return AttributeSpec(self.name, self.input, values_of(self.input, self.values), self._default, self.mutable)


class LabelSettings(Section):
    """What CVAT is to know of a label."""

    color: str = Field("", pattern=r"^(#[0-9a-fA-F]{6})?$", description="Such as #ff0000; empty: CVAT chooses.")
    type: Literal["any", "cuboid", "ellipse", "mask", "points", "polygon", "polyline", "rectangle", "tag", ""] = Field(
        "", description="The one tool that draws it; empty: any, or what the label has."
    )
    attributes: list[AttributeSettings] = Field(default_factory=list, description="Questions about each object.")

    @model_validator(mode="after")
    def _unique(self) -> "LabelSettings":
        names = [attribute.name for attribute in self.attributes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"attribute names must be unique within a label: {', '.join(twice)}")
        return self

    def spec(self, name: str) -> LabelSpec:
        """The label under this name, as it is sent."""
        return LabelSpec(name, self.type, self.color.lower(), tuple(each.spec for each in self.attributes))


def _lies_in(text: str, values: tuple[str, ...]) -> bool:
    try:
        return float(values[0]) <= float(text) <= float(values[1])
    except ValueError:
        return False
