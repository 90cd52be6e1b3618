"""Jobs: what people work on. Only stage, state and assignee can be written."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from starlette.responses import Response

from labelloop.sandbox.server import clock, validation
from labelloop.sandbox.server.errors import bad_field, forbidden, invalid
from labelloop.sandbox.server.filters import Terms, select
from labelloop.sandbox.server.hooks import events
from labelloop.sandbox.server.paging import paginated
from labelloop.sandbox.server.replies import empty_reply, json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup
from labelloop.sandbox.server.rules import permissions, status
from labelloop.sandbox.server.serializers import job
from labelloop.sandbox.server.store import Row, Store

GROUND_TRUTH = "ground_truth"
WRITABLE = frozenset({"assignee", "stage", "state"})


def listed(call: Call) -> Response:
    """The jobs, newest first: not in the order of their frames."""
    there = [row for row in call.store.find("jobs") if call.space.has_task(call.store, lookup.task_of(call.store, row))]
    own = [row for row in there if permissions.of_job(call.store, call.user, row)]
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
    """Make the ground truth job of a task: frames that are annotated once more, for comparison.

    Raises:
        Refusal: 400, when it is no such job, there is one already, or its frames are none of the task's.
    """
    fields = call.fields()
    validation.choice(fields, "type", (GROUND_TRUTH,), "")
    task = call.store.first("tasks", id=validation.integer(fields, "task_id"))
    if task is None:
        raise bad_field("task_id", validation.REQUIRED)
    if not permissions.of_task(call.store, call.user, task):
        raise forbidden()
    if call.store.count("ground_truth", task_id=task["id"]):
        raise invalid(f"Task with id {task['id']} already has a ground truth job")
    size, moment = lookup.data(call.store, task)["size"], clock.now()
    frames = _chosen(fields, size)
    with call.store.transaction():
        job_id = call.store.insert(
            "jobs", task_id=task["id"], start_frame=0, stop_frame=size - 1, type=GROUND_TRUTH,
            created_date=moment, updated_date=moment, chunks_updated_date=moment,
        )  # fmt: skip
        call.store.insert("ground_truth", id=job_id, task_id=task["id"], frames=frames)
        status.refresh_task(call.store, task["id"])
    body = job.job(call.store.find("jobs", id=job_id)[0], call.store, call.base)
    return json_reply(body, 201, headers={"Location": body["url"]})


def delete(call: Call) -> Response:
    """Delete a ground truth job with its annotations.

    Raises:
        Refusal: 400 for any other job.
    """
    row = lookup.job(call)
    if row["type"] != GROUND_TRUTH:
        raise invalid("Only ground truth jobs can be removed")
    if not permissions.manages_job(call.store, call.user, row):
        raise forbidden()
    with call.store.transaction():
        for table in ("shapes", "tags", "tracks"):
            call.store.delete(table, job_id=row["id"])
        for table in ("jobs", "ground_truth"):
            call.store.delete(table, id=row["id"])
        status.refresh_task(call.store, row["task_id"])
    return empty_reply(204)


def _chosen(fields: Row, size: int) -> list[int]:
    """The frames of a ground truth job: those that are named, or so many, spread evenly."""
    validation.choice(fields, "frame_selection_method", ("manual", "random_uniform"), "")
    if fields["frame_selection_method"] == "manual":
        frames = fields.get("frames") or []
        if not frames or not all(isinstance(number, int) and 0 <= number < size for number in frames):
            raise invalid("Incorrect frame numbers")
        return sorted(set(frames))
    count = validation.integer(fields, "frame_count", least=1) or 1
    if count > size:
        raise invalid(f"The number of frames requested ({count}) must be not be greater than {size}")
    return [number * size // count for number in range(count)]


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
