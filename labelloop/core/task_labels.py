"""The labels that a task on the server knows, found by the name under which a class is shown here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labelloop.core.annotation import RawShape, TaskContent
from labelloop.core.errors import LabelError

ANY = "any"  # the type of a label that takes all shapes


@dataclass(frozen=True)
class AttributeThere:
    """An attribute of a label: the server's number, how it is filled in, what it may say, what it says by itself."""

    id: int
    name: str
    input_type: str = "text"
    values: tuple[str, ...] = ()
    default: str = ""

    def takes(self, value: str) -> bool:
        """Whether the server would take a value."""
        if self.input_type in ("select", "radio"):
            return value in self.values
        if self.input_type == "checkbox":
            return value in ("true", "false")
        return self.input_type != "number" or _is_between(value, self.values[:2])


@dataclass(frozen=True)
class LabelThere:
    """A label of a task; `type` is the only shape that it takes, or `any`."""

    id: int
    name: str
    type: str = ANY
    attributes: Mapping[str, AttributeThere] = field(default_factory=dict)

    def takes(self, kind: str) -> bool:
        """Whether a shape of this type, or a tag, may have the label."""
        return self.type in (ANY, kind)


@dataclass(frozen=True)
class TaskLabels:
    """Labels of a task by the name under which their class is shown here."""

    by_shown: Mapping[str, LabelThere]

    @classmethod
    def of(
        cls, there: Sequence[LabelThere], contents: Iterable[TaskContent], current: Callable[[str], str]
    ) -> "TaskLabels":
        """Find the names: a class that was renamed here, or whose label was renamed there, is the same label still.

        Args:
            there: The labels of the task on the server.
            contents: The task as it was taken, whose shapes have the server's numbers beside the names of that time.
            current: Today's name of a class.
        """
        by_id = {label.id: label for label in there}
        taken = {current(item["label"]): by_id.get(item.get("label_id", -1)) for item in _items(contents)}
        found = {shown: label for shown, label in taken.items() if label is not None}
        found |= {current(label.name): label for label in there}
        return cls(found | {label.name: label for label in there})

    @property
    def attributes(self) -> set[str]:
        """Names of all attributes."""
        return {name for label in self.by_shown.values() for name in label.attributes}

    def find(self, shown: str, kind: str, where: str) -> LabelThere:
        """The label of a class that is shown here.

        Args:
            shown: Name of the class.
            kind: Type of the shape that is to have it, or `tag`.
            where: The label and its sample, in words.

        Raises:
            LabelError: If the task has no such label, or it takes no such shape.
        """
        label = self.by_shown.get(shown)
        if label is None:
            known = ", ".join(sorted(self.by_shown)) or "none"
            raise LabelError(
                f"{where}: its task in CVAT has no label '{shown}'; it has {known}",
                "Give it one of these in the App, or add the class to `classes`.",
            )
        if not label.takes(kind):
            raise LabelError(
                f"{where}: label '{label.name}' of its task in CVAT takes {label.type} alone, not {kind}",
                "Give it another label in the App, or draw it in CVAT.",
            )
        return label

    def said(self, label: LabelThere, said: Mapping[str, str], where: str) -> list[dict[str, Any]]:
        """All attributes of a label, with what is said of them, else their defaults.

        Raises:
            LabelError: If the label has no such attribute, or the attribute takes no such value.
        """
        for name, value in said.items():
            require_value(label, name, value, where)
        return [
            {"spec_id": each.id, "name": name, "value": said.get(name, each.default)}
            for name, each in label.attributes.items()
        ]


def require_value(label: LabelThere, name: str, value: str, where: str) -> AttributeThere:
    """The attribute of a label, which takes this value.

    Raises:
        LabelError: If there is none, or it does not.
    """
    spec = label.attributes.get(name)
    if spec is None:
        raise LabelError(
            f"{where}: label '{label.name}' in CVAT has no attribute '{name}'",
            "Add it to the label in CVAT, or remove it in the App.",
        )
    if not spec.takes(value):
        raise LabelError(
            f"{where}: attribute '{name}' in CVAT, a {spec.input_type}, does not take '{value}'",
            "Give it another value in the App.",
        )
    return spec


def _items(contents: Iterable[TaskContent]) -> Iterable[RawShape]:
    return (item for c in contents for f in c.frames for kind in (f.shapes, f.tags, f.tracks) for item in kind)


def _is_between(value: str, ends: Sequence[str]) -> bool:
    try:
        return not ends or float(ends[0]) <= float(value) <= float(ends[-1])
    except ValueError:
        return False
