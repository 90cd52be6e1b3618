"""The noun a path speaks of, or the 404 that CVAT answers without it."""

from labelloop.sandbox.server import clock, validation
from labelloop.sandbox.server.errors import bad_field, forbidden, not_found, plain
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.rules import permissions
from labelloop.sandbox.server.store import Row, Store

NO_DATA = "Exporting annotations from a task without data is not allowed"


def project(call: Call) -> Row:
    """The project of the path."""
    row = _one(call.store, "projects", "Project", call.row_id)
    return _allowed(row, allowed=permissions.of_project(call.store, call.user, row["id"]))


def task(call: Call) -> Row:
    """The task of the path."""
    row = _one(call.store, "tasks", "Task", call.row_id)
    return _allowed(row, allowed=permissions.of_task(call.store, call.user, row))


def job(call: Call) -> Row:
    """The job of the path."""
    row = _one(call.store, "jobs", "Job", call.row_id)
    return _allowed(row, allowed=permissions.of_job(call.store, call.user, row))


def label(call: Call) -> Row:
    """The label of the path."""
    row = _one(call.store, "labels", "Label", call.row_id)
    return _allowed(row, allowed=permissions.of_label(call.store, call.user, row))


def task_of(store: Store, job_row: Row) -> Row:
    """The task a job belongs to."""
    return _one(store, "tasks", "Task", job_row["task_id"])


def data(store: Store, task_row: Row) -> Row:
    """The data of a task, which may be empty after a failed creation.

    Raises:
        Refusal: 400, when no upload was ever begun.
    """
    found = store.first("data", id=task_row["data_id"]) if task_row["data_id"] is not None else None
    if found is None:
        raise plain(400, NO_DATA)
    return found


def assignee(store: Store, fields: Row, name: str) -> Row:
    """The columns that a new assignee changes; none when the request does not speak of one.

    Raises:
        Refusal: 400, when there is no such user.
    """
    if name not in fields:
        return {}
    value = validation.integer(fields, name)
    if value is not None and store.first("users", id=value) is None:
        raise bad_field(name, f'Invalid pk "{value}" - object does not exist.')
    return {"assignee_id": value, "assignee_updated_date": clock.now()}


def _allowed(row: Row, *, allowed: bool) -> Row:
    if not allowed:
        raise forbidden()
    return row


def _one(store: Store, table: str, noun: str, row_id: int) -> Row:
    row = store.first(table, id=row_id)
    if row is None:
        raise not_found(noun)
    return row
