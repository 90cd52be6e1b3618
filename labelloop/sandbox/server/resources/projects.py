"""Projects: a name, labels and tasks. Names need not be unique."""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from labelloop.sandbox.server import clock, validation
from labelloop.sandbox.server.filters import Terms, select
from labelloop.sandbox.server.hooks import events
from labelloop.sandbox.server.paging import paginated
from labelloop.sandbox.server.replies import empty_reply, json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup
from labelloop.sandbox.server.resources.tasks import remove
from labelloop.sandbox.server.rules import labels, organizations, permissions
from labelloop.sandbox.server.serializers import project
from labelloop.sandbox.server.store import Row, Store

MOST_CHARACTERS = 256
WRITABLE = frozenset({
    "name", "labels", "owner_id", "assignee_id", "bug_tracker", "target_storage", "source_storage",
    "organization_id",
})  # fmt: skip


def listed(call: Call) -> Response:
    """The projects, newest first."""
    there = [row for row in call.store.find("projects") if call.space.has_project(call.store, row["id"])]
    own = [row for row in there if permissions.of_project(call.store, call.user, row["id"])]
    rows = select(own, call.query, terms(call.store))
    return paginated(call, rows, lambda row: project.project(row, call.store, call.base))


def create(call: Call) -> Response:
    """Make a project with its labels."""
    fields, moment, organization = call.fields(), clock.now(), call.space.organization_id
    organizations.require_maker(call.store, call.user, organization)
    with call.store.transaction():
        project_id = call.store.insert(
            "projects", owner_id=call.user["id"], created_date=moment, updated_date=moment,
            name=validation.text(fields, "name", most=MOST_CHARACTERS, blank=False),
            bug_tracker=validation.text(fields, "bug_tracker", most=2000, default=""),
            **lookup.assignee(call.store, fields, "assignee_id"),
        )  # fmt: skip
        organizations.put(call.store, "projects", project_id, organization)
        labels.apply(call.store, fields, project_id=project_id)
    row = call.store.find("projects", id=project_id)[0]
    body = project.project(row, call.store, call.base)
    return json_reply(body, 201, headers={"Location": body["url"]})


def one(call: Call) -> Response:
    """One project."""
    return json_reply(project.project(lookup.project(call), call.store, call.base))


def patch(call: Call) -> Response:
    """Change a project; labels that are not named stay.

    Raises:
        Refusal: 403, when a field is not writable.
    """
    row, fields = lookup.project(call), call.fields()
    validation.only(fields, WRITABLE)
    values: Row = {"updated_date": clock.now()}
    if "name" in fields:
        values["name"] = validation.text(fields, "name", most=MOST_CHARACTERS, blank=False)
    if "bug_tracker" in fields:
        values["bug_tracker"] = validation.text(fields, "bug_tracker", most=2000)
    values |= lookup.assignee(call.store, fields, "assignee_id")
    with events.watching(call, ("projects", row)), call.store.transaction():
        call.store.update("projects", row["id"], **values)
        labels.apply(call.store, fields, project_id=row["id"])
    return one(call)


def delete(call: Call) -> Response:
    """Delete a project, its labels and its tasks."""
    row = lookup.project(call)
    with call.store.transaction():
        for task in call.store.find("tasks", project_id=row["id"]):
            remove(call.world, task)
        for label in call.store.find("labels", project_id=row["id"], parent_id=None):
            labels.delete(call.store, label)
        for hook in call.store.find("webhooks", project_id=row["id"]):
            call.store.delete("deliveries", webhook_id=hook["id"])
        call.store.delete("webhooks", project_id=row["id"])
        organizations.put(call.store, "projects", row["id"], None)
        call.store.delete("projects", id=row["id"])
    return empty_reply(204)


def terms(store: Store) -> Terms:
    """What projects can be filtered by."""
    names = {row["id"]: row["username"] for row in store.find("users")}
    getters: dict[str, Callable[[Row], Any]] = {
        "id": lambda row: row["id"],
        "name": lambda row: row["name"],
        "owner": lambda row: names.get(row["owner_id"]),
        "assignee": lambda row: names.get(row["assignee_id"]),
        "status": lambda _: "annotation",
        "updated_date": lambda row: row["updated_date"],
    }
    searched = frozenset({"name", "owner", "assignee", "status"})
    return Terms(getters, searched, searched)
