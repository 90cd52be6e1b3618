"""What other people do on a server while a client is at work."""

from collections.abc import Callable

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.errors import bad_field, not_found
from labelloop.sandbox.server.rules import labels, status
from labelloop.sandbox.server.store import Row
from labelloop.sandbox.server.world import World


def perform(world: World, fields: Row) -> None:
    """Do one thing at once.

    Args:
        world: The server.
        fields: `do` says what; `id` says to which row; what else is needed stands beside it.

    Raises:
        Refusal: 400 or 404, when it cannot be done.
    """
    action = ACTIONS.get(str(fields.get("do")))
    if action is None:
        raise bad_field("do", f'"{fields.get("do")}" is not a valid choice.')
    with world.store.transaction():
        action(world, fields)


def _set_job(world: World, row: Row, stage: str, state: str) -> None:
    world.store.update("jobs", row["id"], stage=stage, state=state, updated_date=clock.now())
    status.refresh_task(world.store, row["task_id"])


def _reopen_job(world: World, fields: Row) -> None:
    """A job that was done goes back to its annotator."""
    _set_job(world, _row(world, "jobs", fields), "annotation", "in progress")


def _accept_job(world: World, fields: Row) -> None:
    """A job is accepted and completed."""
    _set_job(world, _row(world, "jobs", fields), "acceptance", "completed")


def _delete_frame(world: World, fields: Row) -> None:
    """A frame of a task is deleted."""
    task = _row(world, "tasks", fields)
    data = world.store.find("data", id=task["data_id"])[0]
    deleted = sorted({*data["deleted_frames"], int(fields["frame"])})
    world.store.update("data", data["id"], deleted_frames=deleted)
    status.touch_task(world.store, task)


def _rename_label(world: World, fields: Row) -> None:
    """A label gets another name; its id and its annotations stay."""
    labels.change(world.store, _row(world, "labels", fields), {"name": fields["name"]})


def _delete_label(world: World, fields: Row) -> None:
    """A label is deleted, and its annotations with it."""
    labels.delete(world.store, _row(world, "labels", fields))


def _expire_requests(world: World, _: Row) -> None:
    """Every request that is done is forgotten."""
    for row in world.store.find("requests"):
        if row["finished_date"]:
            world.worker.forget(row)


def _row(world: World, table: str, fields: Row) -> Row:
    row = world.store.first(table, id=fields.get("id"))
    if row is None:
        raise not_found(table.removesuffix("s").capitalize())
    return row


ACTIONS: dict[str, Callable[[World, Row], None]] = {
    "reopen_job": _reopen_job,
    "accept_job": _accept_job,
    "delete_frame": _delete_frame,
    "rename_label": _rename_label,
    "delete_label": _delete_label,
    "expire_requests": _expire_requests,
}
