"""The upload of a backup, in one form or in pieces, and the start of its restoring."""

import uuid
from collections.abc import Callable

from starlette.responses import Response

from labelloop.sandbox.server.errors import invalid, not_found
from labelloop.sandbox.server.replies import empty_reply, json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import tus
from labelloop.sandbox.server.rules import organizations
from labelloop.sandbox.server.store import Row


def poster(target: str) -> Callable[[Call], Response]:
    """POST: one step of the upload of a backup of a task or project; a header says which."""

    def post(call: Call) -> Response:
        organizations.require_maker(call.store, call.user, call.space.organization_id)
        headers = call.request.headers
        if "upload-start" in headers:
            return empty_reply(202)
        if "upload-length" in headers:
            return tus.begin(call, _shelf(call), f"/api/{target}s/backup")
        return _restore(call, target, _uploaded(call) if "upload-finish" in headers else _sent(call, target))

    return post


def patch(call: Call) -> Response:
    """PATCH: a piece of a backup."""
    return tus.append(call, _piece(call))


def head(call: Call) -> Response:
    """HEAD: how far a backup has come."""
    return tus.progress(call, _piece(call))


def _shelf(call: Call) -> int:
    """Where the backups of somebody wait: beside the data of tasks, whose ids are positive."""
    return -int(call.user["id"])


def _piece(call: Call) -> Row:
    file = call.store.first("partial_files", id=call.request.path_params["file_id"], data_id=_shelf(call))
    if file is None:
        raise not_found("ClientFile")
    return file


def _uploaded(call: Call) -> Row:
    """The file that was uploaded in pieces, whole."""
    name = call.query.get("filename", "")
    files = call.store.find("partial_files", order="rowid", data_id=_shelf(call), name=name)
    whole = [file for file in files if call.world.blobs.size(file["blob"]) == file["length"]]
    if not whole:
        raise invalid(f"The file {name} was not uploaded")
    return whole[-1]


def _sent(call: Call, target: str) -> Row:
    """The file that came in one form."""
    files = call.files()
    if len(files) != 1:
        raise invalid(f"A backup comes as one file, {target}_file")
    blob = call.world.blobs.write(files[0].file)
    values = {"name": "backup.zip", "length": call.world.blobs.size(blob), "blob": blob}
    file_id = f"{call.user['id']}_{uuid.uuid4()}"
    call.store.insert("partial_files", id=file_id, data_id=_shelf(call), **values)
    return call.store.find("partial_files", id=file_id)[0]


def _restore(call: Call, target: str, file: Row) -> Response:
    rq_id = f"action=import&target={target}&id={uuid.uuid4()}&subresource=backup"
    operation = {
        "type": "import:backup", "target": target, "project_id": None, "task_id": None, "job_id": None,
        "format": None, "lightweight": None,
    }  # fmt: skip
    payload = {"file": file["id"], "organization_id": call.space.organization_id}
    call.world.worker.submit(rq_id, operation, payload, call.user["id"])
    return json_reply({"rq_id": rq_id}, 202)
