"""What a webhook says: the noun as it is now, and what of it was otherwise before."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from labelloop.sandbox.server.hooks.sender import Sender
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.serializers import job, project, task, user
from labelloop.sandbox.server.store import Row, Store

SERIALIZERS = {"projects": project.project, "tasks": task.task, "jobs": job.job}
UNCOUNTED, COUNTED, COUNTED_AFTER = (False, False), (True, True), (False, True)
EVENTS = tuple(
    f"{action}:{noun}" for noun in ("job", "project", "task") for action in ("create", "delete", "update")
)  # fmt: skip


def created(call: Call, row: Row) -> None:
    """Tell that a task was made; its jobs are not counted yet."""
    body = _uncounted(task.task(row, call.store, call.base))
    call.world.hooks.emit("create:task", row["project_id"], {"task": body, **_sender(call), "event": "create:task"})


def deleted(call: Call, row: Row) -> None:
    """Tell that a task is going to be deleted."""
    body = task.task(row, call.store, call.base)
    call.world.hooks.emit("delete:task", row["project_id"], {"task": body, **_sender(call), "event": "delete:task"})


@contextmanager
def watching(call: Call, *watched: tuple[str, Row], counted: tuple[bool, bool] = UNCOUNTED) -> Iterator[None]:
    """Tell what of projects, tasks and jobs has changed in between, in the order in which they are named.

    Args:
        call: The request that changes them.
        watched: The table and the row of each.
        counted: Whether the jobs of a task are counted before and after; as long as CVAT has not read the task for its
            own answer they are not.
    """
    if not call.store.count("webhooks"):  # nobody listens
        yield
        return
    before = [_body(call.store, table, row, call.base, counted=counted[0]) for table, row in watched]
    yield
    for (table, row), old in zip(watched, before, strict=True):
        new = _body(call.store, table, row, call.base, counted=counted[1])
        _tell(call.world.hooks, table.removesuffix("s"), _project_id(table, new), old, new, _sender(call))


def from_worker(hooks: Sender, store: Store, before: Row, row: Row) -> Row:
    """Tell that the worker has changed a task; it knows no address, no labels and no jobs.

    Returns:
        The task as it was told, which is the `before` of the next message.
    """
    owner = store.find("users", id=row["owner_id"])[0]
    after = by_worker(store, row)
    sender = {"sender": {"id": owner["id"], "username": owner["username"], "email": owner["email"]}}
    _tell(hooks, "task", row["project_id"], before, after, sender)
    return after


def by_worker(store: Store, row: Row) -> Row:
    """A task as the worker sees it."""
    jobs = {"count": 0, "completed": None, "validation": None, "url": None}
    return {**_body(store, "tasks", row, "", counted=True), "jobs": jobs, "labels": None}


def ping(webhook: Row, sender: Row) -> dict[str, Any]:
    """What a webhook is sent to try it."""
    return {"event": "ping", "webhook": webhook, "sender": sender}


def _tell(hooks: Sender, noun: str, project_id: int | None, old: Row, new: Row, sender: Row) -> None:
    changes = {key: old.get(key) for key, value in new.items() if old.get(key) != value}
    if changes:
        event = f"update:{noun}"
        payload = {noun: new, **sender, "event": event, "before_update": changes}
        hooks.emit(event, project_id, payload)


def _body(store: Store, table: str, row: Row, base: str, *, counted: bool) -> Row:
    body = SERIALIZERS[table](store.find(table, id=row["id"])[0], store, base)
    return _uncounted(body) if table == "tasks" and not counted else body


def _project_id(table: str, body: Row) -> int | None:
    found: int | None = body["id"] if table == "projects" else body["project_id"]
    return found


def _uncounted(body: Row) -> Row:
    return {**body, "jobs": {**body["jobs"], "count": 0, "completed": None, "validation": None}}


def _sender(call: Call) -> Row:
    return {"sender": user.basic(call.store, call.user["id"], call.base)}
