"""Fields from file names: area, year or quadrat, which people write there because nowhere else was room."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from labelloop.core.vocabulary import Field, Provenance

MOST_DIGITS = 18  # what a field of whole numbers holds; a longer one is a code, and as a number would lose its end
INTEGER = re.compile(rf"[+-]?[0-9]{{1,{MOST_DIGITS}}}")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# What FiftyOne itself calls fields of a sample, and names it keeps for media and frames.
RESERVED = {"id", "filepath", "tags", "metadata", "created_at", "last_modified_at", "frames", "support"}

Value = int | float | str


@dataclass(frozen=True)
class NameFields:
    """Values taken from file names.

    Attributes:
        types: `int`, `float` or `str`, by field, in the order of the groups; a group that found nothing makes none.
        values: By field, the value of each sample that has one, by sample id.
    """

    types: Mapping[str, type]
    values: Mapping[str, Mapping[str, Value]]


def name_fields(pattern: str, names: Mapping[str, str]) -> NameFields:
    """What the named groups of a pattern find in file names.

    A field is a whole number if all its values are, else a number if all are, else text: over all samples, whatever
    their order. A name in which the pattern is not found gives no value.

    Args:
        pattern: Regular expression with named groups; empty for no fields.
        names: File name, or path, by sample id.
    """
    expression = re.compile(pattern)
    found = {
        sample_id: match.groupdict()
        for sample_id, name in sorted(names.items())
        if (match := expression.search(PurePosixPath(name).name))
    }
    texts = {
        group: {sample_id: groups[group] for sample_id, groups in found.items() if groups[group]}
        for group in expression.groupindex
    }
    texts = {group: values for group, values in texts.items() if values}
    types = {group: _type_of(values.values()) for group, values in texts.items()}
    return NameFields(
        types, {group: {key: types[group](text) for key, text in values.items()} for group, values in texts.items()}
    )


def clashing(fields: Iterable[str], existing: Collection[str] = ()) -> list[str]:
    """Groups that bear the name of a field of FiftyOne or of labelloop, or of another that is there already."""
    taken = RESERVED | {field.value for field in (*Field, *Provenance)} | set(existing)
    return [name for name in fields if name in taken or name.startswith("_")]


def _type_of(texts: Collection[str]) -> type:
    if all(INTEGER.fullmatch(text) for text in texts):
        return int
    return float if all(NUMBER.fullmatch(text) and len(text) <= MOST_DIGITS for text in texts) else str
