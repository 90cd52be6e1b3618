"""The classes of a project, in the order of their ids: frozen, and only ever appended to.

A class id that changes its meaning turns every older label file, model and prediction into a lie, and nothing in them
would tell. So a class is neither removed nor moved nor renamed; a new one gets the next id and a new version.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from labelloop.core.errors import LabelError


@dataclass(frozen=True)
class Schema:
    """The class list and how it grew.

    Attributes:
        classes: Names; the position is the class id.
        history: Number of classes at version 1, 2, …; the last is that of today.
    """

    classes: tuple[str, ...]
    history: tuple[int, ...]

    def __post_init__(self) -> None:
        twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if twice or any(not name.strip() for name in self.classes):
            raise LabelError(f"Class names must be unique and not empty: {', '.join(twice) or 'one is empty'}")
        if not self.history or self.history[-1] != len(self.classes) or list(self.history) != sorted(set(self.history)):
            raise LabelError(f"A schema of {len(self.classes)} classes cannot have the history {list(self.history)}")

    @classmethod
    def first(cls, classes: Iterable[str]) -> "Schema":
        """Version 1, with these classes."""
        names = tuple(classes)
        return cls(names, (len(names),))

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Schema":
        """What `to_dict` wrote."""
        return cls(tuple(plain["classes"]), tuple(plain["history"]))

    def to_dict(self) -> dict[str, Any]:
        """The schema as JSON-like values."""
        return {"version": self.version, "classes": list(self.classes), "history": list(self.history)}

    @property
    def version(self) -> int:
        """1 for the first class list, one more with each extension."""
        return len(self.history)

    def class_id(self, name: str) -> int:
        """Id of a class.

        Raises:
            LabelError: If there is no such class.
        """
        if name not in self.classes:
            raise LabelError(
                f"Class '{name}' is not in the schema: {', '.join(self.classes)}",
                "Append it to `classes` in labelloop.yaml.",
            )
        return self.classes.index(name)

    def classes_at(self, version: int) -> tuple[str, ...]:
        """The classes as they were at a version: what labels of that version could say.

        Raises:
            LabelError: If there is no such version.
        """
        if not 1 <= version <= self.version:
            raise LabelError(f"The schema has versions 1 to {self.version}, not {version}")
        return self.classes[: self.history[version - 1]]

    def extend(self, classes: Iterable[str]) -> "Schema":
        """The schema with a longer class list; itself when nothing is new.

        Args:
            classes: The whole list as it shall be: today's classes in today's order, then the new ones.

        Raises:
            LabelError: If a class of today is missing, moved or renamed; names each.
        """
        names = tuple(classes)
        if names[: len(self.classes)] != self.classes:
            raise LabelError(
                f"Classes are only ever appended: {'; '.join(self._differences(names))}",
                f"Keep {', '.join(self.classes)} in this order and put new classes behind them.",
            )
        return self if names == self.classes else Schema(names, (*self.history, len(names)))

    def _differences(self, names: tuple[str, ...]) -> list[str]:
        found = []
        for number, old in enumerate(self.classes):
            new = names[number] if number < len(names) else None
            if old == new:
                continue
            if old in names:
                found.append(f"'{old}' moved from id {number} to id {names.index(old)}")
            elif new is None or new in self.classes:
                found.append(f"'{old}' (id {number}) is missing")
            else:
                found.append(f"'{old}' (id {number}) became '{new}'")
        return found
