"""The frozen class list of a project: fixed by whoever is first, then only appended to, or given other names."""

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
        LabelError: If labelloop.yaml removes or moves a class or renames it without saying so, or trusted labels use
            an unknown one.
    """
    found = list(found)
    used = set(found if used is None else used)
    before = now.ledger.schema_or_none()
    first = _first(now) or tuple(found)
    if before is None and not first:
        raise ConfigError(f"No classes: the source has no labels and {now.config} names none", "Set classes there.")
    schema = _as_wanted(now, Schema.first(first) if before is None else before)
    unknown = sorted({schema.current(name) for name in used} - set(schema.classes))
    if unknown and now.settings.trust_source_labels != "none":
        raise LabelError(f"The source uses classes the schema does not have: {', '.join(unknown)}", "Append them.")
    if schema != before:
        now.ledger.save_schema(schema)
    return schema


def take_over_classes(now: Project) -> str:
    """Bring the frozen list up to labelloop.yaml, if there is one already; returns what is new, in words.

    Raises:
        LabelError: If labelloop.yaml removes or moves a class, or renames it without saying so.
    """
    before = now.ledger.schema_or_none()
    schema = before and _as_wanted(now, before)
    if before is None or schema is None or schema == before:
        return ""
    now.ledger.save_schema(schema)
    fresh = schema.classes[len(before.classes) :]
    told = [f"'{schema.current(old)}' was '{old}'" for old in before.classes if schema.current(old) != old]
    if fresh:
        told.append(
            f"appended: {', '.join(fresh)}. Nobody has looked for that on the images labelled so far: "
            f"`labelloop relabel --for {fresh[0]}` sends them to people again"
        )
    return "Classes of labelloop.yaml: " + "; ".join(told)


def _first(now: Project) -> tuple[str, ...]:
    """The classes of labelloop.yaml under the names the source has for them."""
    wanted = now.settings.classes
    former = {new: old for old, new in now.settings.rename.items() if old not in wanted}
    return tuple(former.get(name, name) for name in wanted)


def _as_wanted(now: Project, before: Schema) -> Schema:
    """The schema with the names and the new classes of labelloop.yaml."""
    renamed = before.rename(now.settings.rename)
    wanted = [renamed.current(name) for name in now.settings.classes]
    return renamed.extend(wanted) if wanted else renamed
