"""The classes of a project, in the order of their ids: frozen, and only ever appended to.

A class id that changes its meaning turns every older label file, model and prediction into a lie, and nothing in them
would tell. So a class is neither removed nor moved; a new one gets the next id and a new version. A new name for a
class is declared as such: the id stays, and what was written under the former name is read as the new one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labelloop.core.errors import LabelError


@dataclass(frozen=True)
class Schema:
    """The class list and how it grew.

    Attributes:
        classes: Names; the position is the class id.
        history: Number of classes at version 1, 2, …; the last is that of today.
        renamed: Today's name by former name.
    """

    classes: tuple[str, ...]
    history: tuple[int, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if twice or any(not name.strip() for name in self.classes):
            raise LabelError(f"Class names must be unique and not empty: {', '.join(twice) or 'one is empty'}")
        if not self.history or self.history[-1] != len(self.classes) or list(self.history) != sorted(set(self.history)):
            raise LabelError(f"A schema of {len(self.classes)} classes cannot have the history {list(self.history)}")
        lost = sorted({*self.renamed.values()} - {*self.classes}) + sorted({*self.renamed} & {*self.classes})
        if lost:
            raise LabelError(
                f"A class bears a former name of another one, or has none of its own any more: {', '.join(lost)}",
                "Give the class a name that was never used.",
            )

    @classmethod
    def first(cls, classes: Iterable[str]) -> "Schema":
        """Version 1, with these classes."""
        names = tuple(classes)
        return cls(names, (len(names),))

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Schema":
        """What `to_dict` wrote."""
        return cls(tuple(plain["classes"]), tuple(plain["history"]), dict(plain.get("renamed", {})))

    def to_dict(self) -> dict[str, Any]:
        """The schema as JSON-like values."""
        plain = {"version": self.version, "classes": list(self.classes), "history": list(self.history)}
        return plain | ({"renamed": dict(self.renamed)} if self.renamed else {})

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

    def at(self, version: int) -> "Schema":
        """The schema as it was at a version, under the names of today.

        Raises:
            LabelError: If there is no such version.
        """
        classes = self.classes_at(version)
        return Schema(classes, self.history[:version], {o: n for o, n in self.renamed.items() if n in classes})

    def version_of(self, name: str) -> int:
        """The version a class came with.

        Raises:
            LabelError: If there is no such class.
        """
        number = self.class_id(name)
        return next(version for version, count in enumerate(self.history, start=1) if number < count)

    def current(self, name: str) -> str:
        """Today's name of a class, for one of today or of before; a name nobody knows stays as it is."""
        return self.renamed.get(name, name)

    def rename(self, names: Mapping[str, str]) -> "Schema":
        """The schema with other names for some classes; ids, versions and former names stay. Doing it again is fine.

        Args:
            names: New name by the name of today, or by a former one whose class already has the new name.

        Raises:
            LabelError: If a name is not that of a class, or the new one is another class's: classes cannot be merged.
        """
        new = {self.current(old): name for old in names if self.current(old) != (name := _last(old, names))}
        unknown = sorted(set(new) - set(self.classes))
        if unknown:
            raise LabelError(
                f"`rename` speaks of classes that there are not: {', '.join(unknown)}",
                f"The classes are {', '.join(self.classes)}.",
            )
        taken = [n for old, n in new.items() if n in self.classes or self.renamed.get(n, old) != old]
        if taken or len(set(new.values())) < len(new):
            raise LabelError(
                f"Two classes cannot become one by renaming: {', '.join(sorted(taken or new.values()))}",
                "Choose a name that no other class has or had; to merge classes, correct the labels in CVAT.",
            )
        classes = tuple(new.get(name, name) for name in self.classes)
        former = {old: new.get(name, name) for old, name in self.renamed.items()} | new
        kept = {old: name for old, name in former.items() if old != name}
        return Schema(classes, self.history, kept) if new else self

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
                f"Keep {', '.join(self.classes)} in this order and put new classes behind them. A class that only gets "
                "another name is declared in `rename: {old: new}`; images of before are gone through for a new one by "
                "`labelloop relabel --for CLASS`.",
            )
        return self if names == self.classes else Schema(names, (*self.history, len(names)), self.renamed)

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


def _last(name: str, names: Mapping[str, str]) -> str:
    """Where a chain of new names ends."""
    passed = [name]
    while passed[-1] in names:
        passed.append(names[passed[-1]])
        if passed.count(passed[-1]) > 1:
            raise LabelError(f"`rename` goes in a circle: {' -> '.join(passed)}", "Leave out the older of the lines.")
    return passed[-1]
