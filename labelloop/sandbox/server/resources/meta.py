"""`data/meta`: names and sizes of the frames, and which of them were deleted."""

from typing import Any

from starlette.responses import Response

from labelloop.sandbox.server.errors import bad_field, crash
from labelloop.sandbox.server.replies import json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup
from labelloop.sandbox.server.rules import status
from labelloop.sandbox.server.serializers import task
from labelloop.sandbox.server.store import Row


def of_task(call: Call) -> Response:
    """The frames of a task. CVAT falls over a task without data, and so does the sandbox."""
    row = lookup.task(call)
    if row["data_id"] is None:
        raise crash()
    data = lookup.data(call.store, row)
    return _answer(call, data, 0, max(0, data["size"] - 1), data["chunks_updated_date"])


def of_job(call: Call) -> Response:
    """The frames of a job."""
    job = lookup.job(call)
    data = lookup.data(call.store, lookup.task_of(call.store, job))
    included = call.store.first("ground_truth", id=job["id"])
    return _answer(call, data, job["start_frame"], job["stop_frame"], job["chunks_updated_date"], included)


def patch_task(call: Call) -> Response:
    """Set the deleted frames of a task. They are still served and listed; only exports leave them out."""
    row = lookup.task(call)
    data = lookup.data(call.store, row)
    _delete_frames(call, row, data, range(data["size"]))
    return of_task(call)


def patch_job(call: Call) -> Response:
    """Set the deleted frames among those of a job."""
    job = lookup.job(call)
    row = lookup.task_of(call.store, job)
    frames = range(job["start_frame"], job["stop_frame"] + 1)
    _delete_frames(call, row, lookup.data(call.store, row), frames)
    return of_job(call)


def _delete_frames(call: Call, row: Row, data: Row, frames: range) -> None:
    """The list replaces the one that was; frames outside of the range keep what they were."""
    given: Any = call.fields().get("deleted_frames")
    if given is None:
        return
    if not isinstance(given, list) or not all(isinstance(number, int) and number >= 0 for number in given):
        raise bad_field("deleted_frames", "A valid integer is required.")
    others = {number for number in data["deleted_frames"] if number not in frames}
    deleted = sorted(others | {number for number in given if number in frames})
    with call.store.transaction():
        call.store.update("data", data["id"], deleted_frames=deleted)
        status.touch_task(call.store, row)


def _answer(
    call: Call, data: Row, start: int, stop: int, chunks_updated: str | None, included: Row | None = None
) -> Response:
    frames = call.store.find("frames", order="number", data_id=data["id"])[start : stop + 1]
    return json_reply(task.meta(data, frames, start, stop, chunks_updated, included))
