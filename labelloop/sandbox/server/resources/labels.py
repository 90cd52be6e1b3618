"""Labels of projects, tasks and jobs."""

from starlette.responses import Response

from labelloop.sandbox.server.filters import Terms, select
from labelloop.sandbox.server.paging import paginated
from labelloop.sandbox.server.replies import empty_reply, json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup
from labelloop.sandbox.server.rules import labels, permissions
from labelloop.sandbox.server.serializers import label
from labelloop.sandbox.server.store import Row

TERMS = Terms(
    {"id": lambda row: row["id"], "name": lambda row: row["name"], "type": lambda row: row["type"]},
    frozenset({"name", "type"}),
    frozenset({"name"}),
    default_sort="id",
)


def listed(call: Call) -> Response:
    """The labels of a project, a task or a job, oldest first; all labels when none is named."""
    rows = [row for row in _scope(call) if row["parent_id"] is None]
    rows = [row for row in rows if permissions.of_label(call.store, call.user, row)]
    return paginated(call, select(rows, call.query, TERMS), lambda row: label.label(row, call.store))


def one(call: Call) -> Response:
    """One label."""
    return json_reply(label.label(lookup.label(call), call.store))


def patch(call: Call) -> Response:
    """Rename or recolour a label."""
    row = lookup.label(call)
    with call.store.transaction():
        labels.change(call.store, row, call.fields())
    return one(call)


def delete(call: Call) -> Response:
    """Delete a label, and with it its annotations."""
    row = lookup.label(call)
    with call.store.transaction():
        labels.delete(call.store, row)
    return empty_reply(204)


def _scope(call: Call) -> list[Row]:
    store, query = call.store, call.query
    if "project_id" in query:
        return store.find("labels", project_id=_number(query["project_id"]))
    task_id = _number(query["task_id"]) if "task_id" in query else None
    if "job_id" in query:
        job = store.first("jobs", id=_number(query["job_id"]))
        task_id = job["task_id"] if job else -1
    if task_id is None:
        return store.find("labels")
    task = store.first("tasks", id=task_id)
    return labels.of_task(store, task) if task else []


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1
