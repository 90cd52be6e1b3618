"""Many samples, and many fields of them, in one write: FiftyOne itself takes one object, and one field, at a time."""

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from labelloop.core.vocabulary import Field

Values = Mapping[str, Mapping[str, Any]]  # by sample id the values by field

ADD_BLOCK = 500
_LOTS = random.Random()  # noqa: S311  of its own, as FiftyOne has one: who seeds the common one must not get the same


def insert_samples(dataset: Any, rows: Iterable[Mapping[str, Any]], make: Callable[[Mapping[str, Any]], Any]) -> None:
    """Add samples, in this order.

    FiftyOne itself makes the first of each kind of file, and says with it what a stored sample looks like; the others
    are written after its pattern.

    Args:
        dataset: The FiftyOne data set.
        rows: Of each sample filepath, width, height, and plain values of declared fields; all with the same keys.
        make: A FiftyOne sample of a row.
    """
    patterns: dict[str, dict[str, Any]] = {}
    waiting: list[dict[str, Any]] = []
    for row in rows:
        kind = Path(row["filepath"]).suffix.lower()
        known = patterns.get(kind)
        if known is None or len(waiting) == ADD_BLOCK:
            _insert(dataset, waiting)
        if known is None:
            patterns[kind] = _stored(dataset, make(row))
        else:
            waiting.append(_after(known, row))
    _insert(dataset, waiting)


def write_fields(dataset: Any, values: Values, kinds: Mapping[str, Any] | None = None) -> None:
    """Set fields of samples to values as the database holds them; a field that is not there yet is declared.

    A new field of which no value is known is not made.

    Args:
        dataset: The FiftyOne data set.
        values: By sample id the values by field: plain ones, or documents of labels.
        kinds: Of fields of labels their FiftyOne type; these are made in any case.
    """
    import fiftyone.core.odm as foo

    declared = dataset.get_field_schema()
    example = {name: each for own in values.values() for name, each in own.items() if each is not None}
    new = {name: _of_labels(name, kind) for name, kind in (kinds or {}).items() if name not in declared}
    plain = example.keys() - declared.keys() - new.keys()
    new |= {name: foo.create_implied_field(name, each) for name, each in example.items() if name in plain}
    if new:
        # In public FiftyOne adds one field at a time, and reads its whole description of the data set for each.
        dataset._merge_sample_field_schema(new)  # noqa: SLF001
    known, moment = {*declared, *new}, {"last_modified_at": datetime.now(UTC)}
    sets = {sample_id: {name: own[name] for name in own if name in known} for sample_id, own in values.items()}
    key = str(Field.SAMPLE_ID)
    writes = [UpdateOne({key: sample_id}, {"$set": {**own, **moment}}) for sample_id, own in sets.items() if own]
    if writes:
        dataset._bulk_write(writes)  # noqa: SLF001 — whoever holds a sample in memory has to see it


def _of_labels(name: str, kind: type) -> Any:
    import fiftyone as fo
    import fiftyone.core.odm as foo

    return foo.create_field(name, fo.EmbeddedDocumentField, embedded_doc_type=kind)


def _insert(dataset: Any, waiting: list[dict[str, Any]]) -> None:
    if waiting:
        dataset._sample_collection.insert_many(waiting)  # noqa: SLF001
        waiting.clear()


def _stored(dataset: Any, sample: Any) -> dict[str, Any]:
    """The document of a sample that FiftyOne has just added."""
    (added,) = dataset.add_samples([sample], progress=False, expand_schema=False, validate=False)
    found: dict[str, Any] = dataset._sample_collection.find_one({"_id": ObjectId(added)})  # noqa: SLF001
    return found


def _after(pattern: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    size = {name: row[name] for name in ("width", "height")}
    rest = {name: value for name, value in row.items() if name not in size}
    # FiftyOne draws a number by which it takes samples at random.
    lot = _LOTS.uniform(0.999, 1.0)
    own = {"_id": ObjectId(), "_rand": lot, "metadata": {**pattern["metadata"], **size}}
    return {**pattern, **own, **rest}
