"""Tasks: made empty, filled by an upload, cut into jobs."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from starlette.responses import Response

from labelloop.sandbox.server import clock, validation
from labelloop.sandbox.server.errors import bad_field, crash, forbidden, invalid
from labelloop.sandbox.server.filters import Terms, select
from labelloop.sandbox.server.hooks import events
from labelloop.sandbox.server.paging import paginated
from labelloop.sandbox.server.replies import empty_reply, json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup
from labelloop.sandbox.server.rules import labels, organizations, permissions, status
from labelloop.sandbox.server.serializers import task
from labelloop.sandbox.server.store import Row, Store
from labelloop.sandbox.server.world import World

MOST_CHARACTERS = 256
MOST_SUBSET_CHARACTERS = 64
WRITABLE = frozenset({
    "name", "project_id", "owner_id", "assignee_id", "bug_tracker", "labels", "subset", "target_storage",
    "source_storage", "organization_id",
})  # fmt: skip


def listed(call: Call) -> Response:
    """The tasks, newest first."""
    there = [row for row in call.store.find("tasks") if call.space.has_task(call.store, row)]
    own = [row for row in there if permissions.of_task(call.store, call.user, row)]
    rows = select(own, call.query, terms(call.store))
    return paginated(call, rows, lambda row: task.task(row, call.store, call.base))


def create(call: Call) -> Response:
    """Make an empty task. Without a project and without labels it is made all the same."""
    fields, moment = call.fields(), clock.now()
    with call.store.transaction():
        project_id, organization = _project_id(call, fields), call.space.organization_id
        organizations.require_maker(call.store, call.user, organization)
        if project_id is not None and fields.get("labels"):
            raise bad_field("labels", "Project must have only one of Label set or project_id")
        task_id = call.store.insert(
            "tasks", owner_id=call.user["id"], created_date=moment, updated_date=moment, project_id=project_id,
            segment_size=validation.integer(fields, "segment_size", 0),
            overlap=validation.integer(fields, "overlap"), **_written(fields, {"name", "subset", "bug_tracker"}),
        )  # fmt: skip
        if project_id is None:
            organizations.put(call.store, "tasks", task_id, organization)
        labels.apply(call.store, fields, task_id=task_id)
        row = call.store.find("tasks", id=task_id)[0]
        if project_id is not None:
            call.store.update("projects", project_id, updated_date=clock.now())
    events.created(call, row)
    body = task.task(row, call.store, call.base)
    return json_reply(body, 201, headers={"Location": body["url"]})


def one(call: Call) -> Response:
    """One task."""
    return json_reply(task.task(lookup.task(call), call.store, call.base))


def patch(call: Call) -> Response:
    """Change a task.

    Raises:
        Refusal: 403, when a field such as `status` is not writable.
    """
    row, fields = lookup.task(call), call.fields()
    validation.only(fields, WRITABLE)
    with events.watching(call, ("tasks", row), counted=events.COUNTED), call.store.transaction():
        values = _written(fields, fields.keys() & {"name", "subset", "bug_tracker"})
        values |= lookup.assignee(call.store, fields, "assignee_id")
        if "project_id" in fields:
            _refuse_to_move(row, fields)
        call.store.update("tasks", row["id"], updated_date=clock.now(), **values)
        if row["project_id"] is None:
            labels.apply(call.store, fields, task_id=row["id"])
        status.touch_task(call.store, row)
    return one(call)


def delete(call: Call) -> Response:
    """Delete a task. While it is being created CVAT falls over, and the task stays.

    Raises:
        Refusal: 500, while its creation is under way.
    """
    row = lookup.task(call)
    if call.world.worker.busy(f"action=create&target=task&target_id={row['id']}"):
        raise crash()
    events.deleted(call, row)
    with call.store.transaction():
        remove(call.world, row)
        if row["project_id"] is not None:
            call.store.update("projects", row["project_id"], updated_date=clock.now())
    return empty_reply(204)


def remove(world: World, row: Row) -> None:
    """Delete a task with its jobs, annotations, own labels and files."""
    store = world.store
    blobs = [
        item["blob"] for table in ("frames", "client_files", "partial_files")
        for item in (store.find(table, data_id=row["data_id"]) if row["data_id"] is not None else [])
    ]  # fmt: skip
    with store.transaction():
        for job in store.find("jobs", task_id=row["id"]):
            for table in ("shapes", "tags", "tracks"):
                store.delete(table, job_id=job["id"])
        for table in ("jobs", "ground_truth"):
            store.delete(table, task_id=row["id"])
        for label in store.find("labels", task_id=row["id"], parent_id=None):
            labels.delete(store, label)
        if row["data_id"] is not None:
            for table in ("frames", "client_files", "partial_files"):
                store.delete(table, data_id=row["data_id"])
            store.delete("data", id=row["data_id"])
        organizations.put(store, "tasks", row["id"], None)
        store.delete("tasks", id=row["id"])
    world.blobs.delete(blobs)


def terms(store: Store) -> Terms:
    """What tasks can be filtered by."""
    names = {row["id"]: row["username"] for row in store.find("users")}
    projects = {row["id"]: row["name"] for row in store.find("projects")}
    getters: dict[str, Callable[[Row], Any]] = {
        "project_name": lambda row: projects.get(row["project_id"]),
        "owner": lambda row: names.get(row["owner_id"]),
        "assignee": lambda row: names.get(row["assignee_id"]),
        "dimension": lambda _: "2d",
        "tracker_link": lambda row: row["bug_tracker"],
        "validation_mode": lambda _: None,
    }
    for column in ("id", "name", "status", "subset", "mode", "project_id", "updated_date", "created_date"):
        getters[column] = itemgetter(column)
    searched = frozenset(getters) - {"id", "project_id", "updated_date", "created_date"}
    return Terms(getters, searched | {"project_id"}, searched)


def _project_id(call: Call, fields: Row) -> int | None:
    project_id = validation.integer(fields, "project_id")
    if project_id is not None and call.store.first("projects", id=project_id) is None:
        raise invalid("Project matching query does not exist.")
    if project_id is not None and not permissions.of_project(call.store, call.user, project_id):
        raise forbidden()
    return project_id


def _refuse_to_move(row: Row, fields: Row) -> None:
    """CVAT maps the labels of a task that moves to another project by name; the sandbox leaves tasks where they are."""
    if validation.integer(fields, "project_id") != row["project_id"]:
        raise bad_field("project_id", "The sandbox does not move tasks between projects")


def _written(fields: Row, names: set[str]) -> Row:
    """The checked values of the text fields that a request writes."""
    checks: dict[str, Callable[[], str]] = {
        "name": lambda: validation.text(fields, "name", most=MOST_CHARACTERS, blank=False),
        "subset": lambda: validation.text(fields, "subset", most=MOST_SUBSET_CHARACTERS, default=""),
        "bug_tracker": lambda: validation.text(fields, "bug_tracker", most=2000, default=""),
    }
    return {name: check() for name, check in checks.items() if name in names}
