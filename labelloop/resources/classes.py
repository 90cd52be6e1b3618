"""The frozen class list of a project: fixed by whoever is first, then only appended to."""

from collections.abc import Iterable

from labelloop.core.errors import ConfigError, LabelError
from labelloop.core.schema import Schema
from labelloop.resources.project import Project


def freeze_schema(now: Project, found: Iterable[str], used: Iterable[str] | None = None) -> Schema:
    """Fix the classes once: those of labelloop.yaml, or those found; later ones in labelloop.yaml are appended.

    Args:
        now: The project.
        found: Classes in the order of their ids.
        used: Those of them that a label has; all, if not given.

    Raises:
        ConfigError: If there is no class to be had.
        LabelError: If labelloop.yaml removes, renames or moves a class, or trusted labels use an unknown one.
    """
    found = list(found)
    used = set(found if used is None else used)
    before = now.ledger.schema_or_none()
    wanted = tuple(now.settings.classes) or (before.classes if before else tuple(found))
    if not wanted:
        raise ConfigError(f"No classes: the source has no labels and {now.config} names none", "Set classes there.")
    schema = Schema.first(wanted) if before is None else before.extend(wanted)
    unknown = sorted(used - set(schema.classes))
    if unknown and now.settings.trust_source_labels != "none":
        raise LabelError(f"The source uses classes the schema does not have: {', '.join(unknown)}", "Append them.")
    if schema != before:
        now.ledger.save_schema(schema)
    return schema
