"""Jobs: what people work on. Only stage, state and assignee can be written."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from starlette.responses import Response

from labelloop.sandbox.server import clock, validation
from labelloop.sandbox.server.errors import forbidden, invalid
from labelloop.sandbox.server.filters import Terms, select
from labelloop.sandbox.server.hooks import events
from labelloop.sandbox.server.paging import paginated
from labelloop.sandbox.server.replies import json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup
from labelloop.sandbox.server.rules import permissions, status
from labelloop.sandbox.server.serializers import job
from labelloop.sandbox.server.store import Row, Store

WRITABLE = frozenset({"assignee", "stage", "state"})


def listed(call: Call) -> Response:
    """The jobs, newest first: not in the order of their frames."""
    own = [row for row in call.store.find("jobs") if permissions.of_job(call.store, call.user, row)]
    rows = select(own, call.query, terms(call.store))
    return paginated(call, rows, lambda row: job.job(row, call.store, call.base))


def one(call: Call) -> Response:
    """One job."""
    return json_reply(job.job(lookup.job(call), call.store, call.base))


def patch(call: Call) -> Response:
    """Move a job on. A new stage without a state makes the state "new" again.

    Raises:
        Refusal: 403 for other fields, and for any but its state by who only works on it; 400 for a stage or state
            that does not exist.
    """
    row, fields = lookup.job(call), call.fields()
    validation.only(fields, WRITABLE)
    if fields.keys() - {"state"} and not permissions.manages_job(call.store, call.user, row):
        raise forbidden()
    stage = validation.choice(fields, "stage", status.STAGES, row["stage"])
    state = validation.choice(fields, "state", status.STATES, row["state"] if stage == row["stage"] else "new")
    values: Row = {"stage": stage, "state": state, "updated_date": clock.now()}
    values |= lookup.assignee(call.store, fields, "assignee")
    task = lookup.task_of(call.store, row)
    with events.watching(call, ("tasks", task), ("jobs", row)), call.store.transaction():
        call.store.update("jobs", row["id"], **values)
        status.refresh_task(call.store, row["task_id"])
    return one(call)


def create(call: Call) -> Response:
    """CVAT makes ground truth jobs of frames this way; the sandbox has none.

    Raises:
        Refusal: 400.
    """
    raise invalid(f"The sandbox makes no jobs of type {call.fields().get('type')!r}")


def delete(call: Call) -> Response:
    """CVAT deletes ground truth jobs only.

    Raises:
        Refusal: 400.
    """
    lookup.job(call)
    raise invalid("Only ground truth jobs can be removed")


def terms(store: Store) -> Terms:
    """What jobs can be filtered by."""
    tasks = {row["id"]: row for row in store.find("tasks")}
    projects = {row["id"]: row["name"] for row in store.find("projects")}
    names = {row["id"]: row["username"] for row in store.find("users")}
    getters: dict[str, Callable[[Row], Any]] = {
        "task_name": lambda row: tasks[row["task_id"]]["name"],
        "project_id": lambda row: tasks[row["task_id"]]["project_id"],
        "project_name": lambda row: projects.get(tasks[row["task_id"]]["project_id"]),
        "assignee": lambda row: names.get(row["assignee_id"]),
        "dimension": lambda _: "2d",
    }
    for column in ("id", "task_id", "stage", "state", "type", "updated_date"):
        getters[column] = itemgetter(column)
    searched = frozenset({"task_name", "project_name", "assignee", "stage", "state"})
    return Terms(getters, searched | {"task_id", "project_id", "type", "dimension"}, searched)
