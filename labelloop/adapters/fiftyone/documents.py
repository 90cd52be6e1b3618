"""Many fields of many samples in one write: FiftyOne itself declares, checks and writes one field after the other."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pymongo import UpdateOne

from labelloop.core.vocabulary import Field


def write_fields(dataset: Any, values: Mapping[str, Mapping[str, Any]]) -> None:
    """Set fields of samples to values as the database holds them; a field that is not there yet is declared.

    A new field of which no value is known is not made.

    Args:
        dataset: The FiftyOne data set.
        values: By sample id the values by field: plain ones, or documents of labels of a declared field.
    """
    import fiftyone.core.odm as foo

    example = {name: each for own in values.values() for name, each in own.items() if each is not None}
    declared = dataset.get_field_schema()
    new = {name: foo.create_implied_field(name, each) for name, each in example.items() if name not in declared}
    if new:
        # In public FiftyOne adds one field at a time, and reads its whole description of the data set for each.
        dataset._merge_sample_field_schema(new)  # noqa: SLF001
    known, moment = {*declared, *new}, {"last_modified_at": datetime.now(UTC)}
    sets = {sample_id: {name: own[name] for name in own if name in known} for sample_id, own in values.items()}
    key = str(Field.SAMPLE_ID)
    writes = [UpdateOne({key: sample_id}, {"$set": {**own, **moment}}) for sample_id, own in sets.items() if own]
    if writes:
        dataset._bulk_write(writes)  # noqa: SLF001 — whoever holds a sample in memory has to see it
