"""For which classes people looked at an image: an object of a class that came later is not empty space, but unknown.

The class list only grows, so one number says it: the version of the schema that an image was labelled with.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from labelloop.core.schema import Schema


def versions_of_tasks(record: Mapping[str, Any] | None, otherwise: int) -> dict[str, int]:
    """Schema version by sample id that the tasks of a batch were sent with.

    A label version may be taken back long after: that a class is in the schema by then does not mean that anybody
    looked for it.

    Args:
        record: What the ledger keeps of the tasks: those labelloop sent (`tasks`), or those of people (`samples`).
        otherwise: Version for tasks of which nothing is said.
    """
    if record is None:
        return {}
    sent = [(task["frames"].values(), task.get("schema_version")) for task in record.get("tasks", [])]
    dates = record.get("schema_versions", {})
    pulled = [(samples, dates.get(url)) for url, samples in record.get("samples", {}).items()]
    return {sample_id: version or otherwise for samples, version in [*sent, *pulled] for sample_id in samples}


def version_of_source(schema: Schema, used: Iterable[str]) -> int:
    """Schema version that the labels of the source were made with.

    The first one, and each later one as long as the source uses one of its new classes.
    """
    used = set(used)
    version = 1
    while version < schema.version and used & set(schema.classes_at(version + 1)[schema.history[version - 1] :]):
        version += 1
    return version


def common_version(versions: Iterable[int], schema: Schema) -> int:
    """The version whose classes were looked for on every one of these images; today's where there is none."""
    return min(versions, default=schema.version)


def lacking(schema: Schema, version: int) -> tuple[str, ...]:
    """Classes of today that were not looked for at a version."""
    return schema.classes[len(schema.classes_at(version)) :]
