"""What the labels of a task are on the server: numbers, shape types, attributes with what they take."""

from collections.abc import Iterable, Mapping
from typing import Any

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.refusals import CvatRefusedError
from labelloop.core.annotation import TaskContent
from labelloop.core.task_labels import ANY, AttributeThere, LabelThere


def labels_there(
    server: CvatServer, tasks: Iterable[TaskContent], *, by_project: bool = False
) -> dict[int, list[LabelThere]]:
    """The labels of each task, parts of skeletons left out.

    A task that is gone still has the labels of its project; where that is gone too it has none.

    Args:
        server: The connection.
        tasks: Tasks as they were taken.
        by_project: Ask once for a project: they are many, and have not been moved to another one since.
    """
    found: dict[tuple[str, int], list[LabelThere]] = {}
    by_task: dict[int, list[LabelThere]] = {}
    for task in tasks:
        holders = [("task", task.task_id)] if task.project_id is None else [("project", task.project_id)]
        if not by_project and task.project_id is not None:
            holders.insert(0, ("task", task.task_id))
        by_task[task.task_id] = _first_of(server, holders, found)
    return by_task


def _first_of(
    server: CvatServer, holders: Iterable[tuple[str, int]], found: dict[tuple[str, int], list[LabelThere]]
) -> list[LabelThere]:
    """The labels of the first that is still there."""
    for holder in holders:
        if holder not in found:
            labels = _read(server, *holder)
            if labels is None:
                continue
            found[holder] = labels
        return found[holder]
    return []


def listed(server: CvatServer, holder: str, number: int, of: str = "") -> list[dict[str, Any]]:
    """The labels of a `project` or a `task` as the server gives them, oldest first; `of` is what to call it in errors.

    Parts of skeletons stand in their skeletons; some servers list them beside these as well.
    """
    query: dict[str, Any] = {f"{holder}_id": number}
    labels = server.list_all("/api/labels", f"reading the labels of {of or f'{holder} {number}'}", **query)
    return sorted((label for label in labels if not label.get("has_parent")), key=lambda label: int(label["id"]))


def _read(server: CvatServer, holder: str, number: int) -> list[LabelThere] | None:
    try:
        return list(map(_label, listed(server, holder, number)))
    except CvatRefusedError as error:
        if error.status != 404:
            raise
        return None


def _label(raw: Mapping[str, Any]) -> LabelThere:
    attributes = {str(spec["name"]): _attribute(spec) for spec in raw.get("attributes") or []}
    return LabelThere(int(raw["id"]), str(raw["name"]), str(raw.get("type") or ANY), attributes)


def _attribute(raw: Mapping[str, Any]) -> AttributeThere:
    values = tuple(map(str, raw.get("values") or ()))
    kind, default = str(raw.get("input_type", "text")), str(raw.get("default_value") or "")
    return AttributeThere(int(raw["id"]), str(raw["name"]), kind, values, default)
