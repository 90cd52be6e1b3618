"""The upload of a task's files: begin, parts, finish; or all in one form, as older clients send it."""

import html
import json
import sqlite3
from contextlib import nullcontext
from typing import Any

from starlette.responses import Response

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.errors import bare, crash
from labelloop.sandbox.server.hooks import events
from labelloop.sandbox.server.replies import empty_reply, json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup, tus
from labelloop.sandbox.server.store import Row, Store
from labelloop.sandbox.server.validation import integer


def post(call: Call) -> Response:
    """Take one step of an upload; a header says which.

    Raises:
        Refusal: 400, when the task has its data already.
    """
    task = lookup.task(call)
    begun = task["data_id"] is not None
    with nullcontext() if begun else events.watching(call, ("tasks", task)):
        data = _open_data(call.store, task)
    if "upload-start" in call.request.headers:
        return empty_reply(202)
    if "upload-length" in call.request.headers:
        return tus.create(call, task, data)
    if "upload-multiple" in call.request.headers:
        _keep_files(call, data)
        return empty_reply(200)
    if "upload-finish" not in call.request.headers:
        _keep_files(call, data)
    return _finish(call, task, data)


def _open_data(store: Store, task: Row) -> Row:
    """The data an upload goes into, made by its first request."""
    with store.transaction():
        data_id = store.find("tasks", id=task["id"])[0]["data_id"]
        if data_id is None:
            data_id = store.insert("data", size=0)
            store.update("tasks", task["id"], data_id=data_id, updated_date=clock.now())
        data = store.find("data", id=data_id)[0]
    if data["size"]:
        raise bare(400, "Adding more data is not supported")
    return data


def _keep_files(call: Call, data: Row) -> None:
    """Keep the files of a form under their base names, all of them or none.

    A name that is there already, in the form or from an earlier one, breaks CVAT's unique constraint: a 500.
    """
    kept = [(base_name(file.filename or ""), call.world.blobs.write(file.file)) for file in call.files()]
    try:
        with call.store.transaction():
            for name, blob in kept:
                call.store.insert("client_files", data_id=data["id"], name=name, blob=blob)
    except sqlite3.IntegrityError as error:
        call.world.blobs.delete(blob for _, blob in kept)
        raise crash() from error


def _finish(call: Call, task: Row, data: Row) -> Response:
    """Queue the creation of the task from what was uploaded."""
    options = _options(call.fields())
    call.store.update("data", data["id"], image_quality=integer(options, "image_quality", 70))
    with events.watching(call, ("tasks", task), counted=events.COUNTED_AFTER):
        call.store.update("tasks", task["id"], updated_date=clock.now())
    rq_id = f"action=create&target=task&target_id={task['id']}"
    operation = {
        "type": "create:task", "target": "task", "project_id": task["project_id"], "task_id": task["id"],
        "job_id": None, "format": None, "lightweight": None,
    }  # fmt: skip
    call.world.worker.submit(rq_id, operation, options, call.user["id"])
    return json_reply({"rq_id": rq_id}, 202)


def _options(fields: Row) -> Row:
    """The options of a creation; a form carries a list as several fields or as JSON."""
    order: Any = fields.get("upload_file_order")
    if isinstance(order, str):
        fields = {**fields, "upload_file_order": json.loads(order)}
    return fields


def base_name(name: str) -> str:
    """What CVAT keeps of a file name in a form: Django resolves HTML entities and drops what cannot be printed."""
    base = html.unescape(name).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in base if letter.isprintable())
