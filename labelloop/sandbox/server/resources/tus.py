"""Large files in pieces, by the tus protocol. An interrupted upload goes on where it stopped."""

import base64
import binascii
import io
import sqlite3
import sys
import uuid
from email.header import Header

from starlette.responses import Response

from labelloop.sandbox.server.errors import Refusal, bare, crash, not_found
from labelloop.sandbox.server.replies import empty_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup
from labelloop.sandbox.server.store import Row

HEADERS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}


def create(call: Call, task: Row, data: Row) -> Response:
    """Begin a file of a task.

    Raises:
        Refusal: As `begin` does.
    """
    return begin(call, data["id"], f"/api/tasks/{task['id']}/data")


def begin(call: Call, data_id: int, address: str) -> Response:
    """Begin a file; its pieces go to the address with the file's id after it.

    Raises:
        Refusal: 400 for a name that climbs out of its folder, 409 for one that is taken.
    """
    name = _file_name(call)
    climbs = ".." in name.replace("\\", "/").split("/") or name.startswith("/")
    if climbs or not name.isprintable():
        text = {"Content-Type": "text/plain"}
        raise Refusal(400, f'"File name {name} is not allowed"', plain=True, headers=text)
    if call.store.first("client_files", data_id=data_id, name=name) is not None:
        refusal = bare(409, "File with same name already exists")
        refusal.headers.update(HEADERS)
        raise refusal
    file_id = f"{call.user['id']}_{uuid.uuid4()}"
    length, blob = int(call.request.headers["upload-length"]), call.world.blobs.write(io.BytesIO())
    call.store.insert("partial_files", id=file_id, data_id=data_id, name=name, length=length, blob=blob)
    location = f"{call.base}{address}/{file_id}"
    return empty_reply(201, headers={**HEADERS, "Location": location, "Upload-Filename": _in_header(name)})


def head(call: Call) -> Response:
    """How far a file of a task has come."""
    return progress(call, _partial(call))


def progress(call: Call, file: Row) -> Response:
    """How far a file has come."""
    told = {"Upload-Offset": str(call.world.blobs.size(file["blob"])), "Upload-Length": str(file["length"])}
    return empty_reply(200, headers={**HEADERS, **told})


def patch(call: Call) -> Response:
    """Add a piece; the last one makes the file one of the task's.

    Raises:
        Refusal: 500 for a name with a folder in it, over which CVAT falls.
    """
    file = _partial(call)
    if "/" in file["name"]:
        raise crash()
    response = append(call, file)
    if response.status_code == 204 and call.world.blobs.size(file["blob"]) >= file["length"]:
        _complete(call, file)
    return response


def append(call: Call, file: Row) -> Response:
    """Add a piece to a file. A piece from elsewhere than the end is a 409."""
    offset = call.request.headers.get("upload-offset", "")
    if offset != str(call.world.blobs.size(file["blob"])):
        return empty_reply(409, headers=HEADERS)
    end = call.world.blobs.append(file["blob"], int(offset), call.content)
    return empty_reply(204, headers={**HEADERS, "Upload-Offset": str(end)})


def _complete(call: Call, file: Row) -> None:
    try:
        with call.store.transaction():
            call.store.delete("partial_files", id=file["id"])
            call.store.insert("client_files", data_id=file["data_id"], name=file["name"], blob=file["blob"])
    except sqlite3.IntegrityError as error:
        raise bare(409, "File with same name already exists") from error


def _in_header(name: str) -> str:
    """A name as Django writes it into a header, which holds Latin-1 and nothing else."""
    try:
        name.encode("latin-1")
    except UnicodeEncodeError:
        return Header(name, "utf-8", maxlinelen=sys.maxsize).encode()
    return name


def _partial(call: Call) -> Row:
    task = lookup.task(call)
    file = call.store.first("partial_files", id=call.request.path_params["file_id"], data_id=task["data_id"])
    if file is None:
        raise not_found("ClientFile")
    return file


def _file_name(call: Call) -> str:
    """The name in the metadata: pairs of a key and a value in base64, with commas between."""
    pairs = (pair.strip().partition(" ") for pair in call.request.headers.get("upload-metadata", "").split(","))
    values = {key: value for key, _, value in pairs}
    try:
        return base64.b64decode(values.get("filename", ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise bare(400, "Upload-Metadata cannot be read") from error
