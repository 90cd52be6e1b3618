"""What the labels of a task are on the server: numbers, shape types, attributes with what they take."""

from collections.abc import Mapping
from typing import Any

from labelloop.adapters.cvat.client import CvatServer
from labelloop.core.task_labels import ANY, AttributeThere, LabelThere


def labels_there(server: CvatServer, task_id: int) -> list[LabelThere]:
    """The labels of a task, parts of skeletons left out."""
    labels = server.list_all("/api/labels", f"reading the labels of task {task_id}", task_id=task_id)
    return [_label(label) for label in labels if not label.get("has_parent")]


def _label(raw: Mapping[str, Any]) -> LabelThere:
    attributes = {str(spec["name"]): _attribute(spec) for spec in raw.get("attributes") or []}
    return LabelThere(int(raw["id"]), str(raw["name"]), str(raw.get("type") or ANY), attributes)


def _attribute(raw: Mapping[str, Any]) -> AttributeThere:
    values = tuple(map(str, raw.get("values") or ()))
    kind, default = str(raw.get("input_type", "text")), str(raw.get("default_value") or "")
    return AttributeThere(int(raw["id"]), str(raw["name"]), kind, values, default)
