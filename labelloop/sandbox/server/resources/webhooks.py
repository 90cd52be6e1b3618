"""Webhooks of projects: made, changed, tried, and what was sent to them."""

from operator import itemgetter
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from labelloop.sandbox.server import clock, validation
from labelloop.sandbox.server.errors import bad_field, forbidden, not_found
from labelloop.sandbox.server.filters import Terms, select
from labelloop.sandbox.server.hooks import events
from labelloop.sandbox.server.hooks.sender import Delivery
from labelloop.sandbox.server.paging import paginated
from labelloop.sandbox.server.replies import empty_reply, json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.rules import permissions
from labelloop.sandbox.server.serializers import user, webhook
from labelloop.sandbox.server.store import Row

TERMS = Terms(
    {name: itemgetter(name) for name in ("id", "target_url", "project_id", "description")},
    frozenset({"target_url", "project_id"}),
    frozenset({"target_url", "description"}),
)


def listed(call: Call) -> Response:
    """The webhooks of one's projects, newest first."""
    rows = [row for row in call.store.find("webhooks") if _visible(call, row)]
    return paginated(call, select(rows, call.query, TERMS), lambda row: webhook.webhook(row, call.store, call.base))


def create(call: Call) -> Response:
    """Make a webhook of a project.

    Raises:
        Refusal: 400 for a wrong field, 403 when the project is somebody else's.
    """
    fields, moment = call.fields(), clock.now()
    validation.choice(fields, "type", ("project",), "")
    project_id = validation.integer(fields, "project_id")
    if project_id is None or call.store.first("projects", id=project_id) is None:
        raise bad_field("project_id", validation.REQUIRED)
    if not permissions.of_project(call.store, call.user, project_id):
        raise forbidden()
    row_id = call.store.insert(
        "webhooks", project_id=project_id, owner_id=call.user["id"], created_date=moment, updated_date=moment,
        **_written({"is_active": True, "enable_ssl": True, "events": [], "target_url": "", **fields}),
    )  # fmt: skip
    body = webhook.webhook(call.store.find("webhooks", id=row_id)[0], call.store, call.base)
    return json_reply(body, 201, headers={"Location": body["url"]})


def one(call: Call) -> Response:
    """One webhook."""
    return json_reply(webhook.webhook(_found(call), call.store, call.base))


def patch(call: Call) -> Response:
    """Change a webhook."""
    row = _found(call)
    call.store.update("webhooks", row["id"], updated_date=clock.now(), **_written(call.fields()))
    return one(call)


def delete(call: Call) -> Response:
    """Delete a webhook."""
    row = _found(call)
    call.store.delete("deliveries", webhook_id=row["id"])
    call.store.delete("webhooks", id=row["id"])
    return empty_reply(204)


def ping(call: Call) -> Response:
    """Try a webhook at once."""
    row = _found(call)
    sender = user.basic(call.store, call.user["id"], call.base) or {}
    payload = events.ping(webhook.webhook(row, call.store, call.base), sender)
    return json_reply(webhook.delivery(call.world.hooks.deliver(Delivery(row, "ping", payload))))


def deliveries(call: Call) -> Response:
    """What was sent to a webhook, newest first."""
    rows = call.store.find("deliveries", order="id DESC", webhook_id=_found(call)["id"])
    return paginated(call, rows, webhook.delivery)


def available(_: Call) -> Response:
    """The events that a webhook can listen to."""
    return json_reply({"webhook_type": "project", "events": list(events.EVENTS)})


def _visible(call: Call, row: Row) -> bool:
    return permissions.of_project(call.store, call.user, row["project_id"])


def _found(call: Call) -> Row:
    row = call.store.first("webhooks", id=call.row_id)
    if row is None:
        raise not_found("Webhook")
    if not _visible(call, row):
        raise forbidden()
    return row


def _written(fields: Row) -> Row:
    """The checked values of the fields that a request writes."""
    values: Row = {name: int(bool(fields[name])) for name in ("is_active", "enable_ssl") if name in fields}
    for name in ("description", "secret"):
        if name in fields:
            values[name] = validation.text(fields, name, most=1024)
    if "target_url" in fields:
        values["target_url"] = validation.text(fields, "target_url", most=8192, blank=False)
        if urlsplit(values["target_url"]).scheme not in ("http", "https"):
            raise bad_field("target_url", "Enter a valid URL.")
    if "events" in fields:
        values["events"] = _events(fields["events"])
    return values


def _events(given: Any) -> list[str]:
    if not isinstance(given, list) or not given:
        raise bad_field("events", "This list may not be empty.")
    for name in given:
        if name not in events.EVENTS:
            raise bad_field("events", f'"{name}" is not a valid choice.')
    return given
