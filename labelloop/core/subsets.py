"""Subsets of CVAT tasks: any name will do there, and people write the same one in several ways."""

from collections.abc import Collection, Sequence

from labelloop.core.errors import LabelError

# Any case; CVAT itself calls tasks without a subset `default` when it exports them.
ALIASES = {"training": "train", "valid": "val", "validation": "val", "testing": "test", "default": ""}


def subset_key(name: str) -> str:
    """What all ways to write a subset have in common: `Validation`, `valid` and `VAL` are `val`."""
    plain = name.strip().lower()
    return ALIASES.get(plain, plain)


def allowed(existing: Collection[str], wanted: Sequence[str]) -> set[str]:
    """Those of the existing subsets that are wanted; all, if nothing is said.

    Args:
        existing: Subsets of the tasks of a project; empty for tasks without one.
        wanted: Names as people write them.

    Raises:
        LabelError: If a wanted subset is not there; lists those there are.
    """
    if not wanted:
        return set(existing)
    keys = {subset_key(name) for name in wanted}
    there = {subset_key(name) for name in existing}
    missing = [name for name in wanted if subset_key(name) not in there]
    if missing:
        shown = ", ".join(sorted({name or "default (none)" for name in existing})) or "none, for it has no tasks"
        raise LabelError(
            f"No task of the project has the subset {', '.join(missing)}; there are: {shown}",
            "Correct annotation.allowed_subsets in labelloop.yaml, or the subset of the tasks.",
        )
    return {name for name in existing if subset_key(name) in keys}
