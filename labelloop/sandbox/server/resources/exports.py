"""Exports: asked for, waited for under `/api/requests`, fetched."""

from collections.abc import Callable

from starlette.responses import FileResponse, Response

from labelloop.sandbox.server.errors import detail, invalid, plain
from labelloop.sandbox.server.exports.formats import EXPORTERS
from labelloop.sandbox.server.replies import json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup
from labelloop.sandbox.server.store import Row

LOOKUPS = {"task": lookup.task, "project": lookup.project, "job": lookup.job}

GONE = (
    "This endpoint is no longer supported.\n"
    "To initiate the export process, use POST /api/{target}s/id/dataset/export?save_images=True.\n"
    "To check the process status, use GET /api/requests/rq_id,\n"
    "where rq_id is obtained from the response of the previous request.\n"
    "To download the prepared file, use the result_url obtained from the response of the previous request.\n"
)


def starter(target: str) -> Callable[[Call], Response]:
    """POST: begin an export of a task, project or job."""

    def post(call: Call) -> Response:
        row, name = LOOKUPS[target](call), call.query.get("format", "")
        if name not in EXPORTERS:
            raise invalid("Unknown format specified for the request")
        images = call.query.get("save_images", "").lower() == "true"
        kind = "dataset" if images else "annotations"
        slug = name.replace(" ", "_").replace(".", "~")
        rq_id = (
            f"action=export&target={target}&target_id={row['id']}&user_id={call.user['id']}"
            f"&format={slug}&subresource={kind}"
        )
        operation = {**_ids(call, target, row), "type": f"export:{kind}", "target": target, "format": name}
        call.world.worker.submit(rq_id, _ordered(operation), {"save_images": images}, call.user["id"])
        return json_reply({"rq_id": rq_id}, 202)

    return post


def backup_starter(target: str) -> Callable[[Call], Response]:
    """POST: begin a backup of a task or project."""

    def post(call: Call) -> Response:
        row = LOOKUPS[target](call)
        rq_id = f"action=export&target={target}&target_id={row['id']}&user_id={call.user['id']}&subresource=backup"
        operation = {**_ids(call, target, row), "type": "export:backup", "target": target, "format": None}
        call.world.worker.submit(rq_id, _ordered(operation), {"save_images": True}, call.user["id"])
        return json_reply({"rq_id": rq_id}, 202)

    return post


def download(call: Call) -> Response:
    """The file of a finished export; ranges work.

    Raises:
        Refusal: 404, when there is no such file.
    """
    row = call.world.worker.find(call.query.get("rq_id", ""))
    if row is None or not row["blob"] or row["owner_id"] != call.user["id"]:
        raise detail(404, "The exported file has expired or never was.")
    path = call.world.blobs.path(row["blob"])
    quoted = f'attachment; filename="{row["file_name"]}"'
    # Marked as encoded already, so that it is sent with its length and in ranges instead of being compressed again.
    headers = {"Content-Disposition": quoted, "Content-Encoding": "identity"}
    return FileResponse(path, media_type="application/zip", headers=headers)


def gone(target: str) -> Callable[[Call], Response]:
    """GET: the export of old, which CVAT no longer has."""

    def get(_: Call) -> Response:
        raise plain(410, GONE.format(target=target))

    return get


def _ids(call: Call, target: str, row: Row) -> Row:
    """The ids of the project, the task and the job that a target stands in."""
    if target == "project":
        return {"project_id": row["id"], "task_id": None, "job_id": None}
    task = row if target == "task" else lookup.task_of(call.store, row)
    return {"project_id": task["project_id"], "task_id": task["id"], "job_id": row["id"] if target == "job" else None}


def _ordered(operation: Row) -> Row:
    keys = ("type", "target", "project_id", "task_id", "job_id", "format")
    return {**{key: operation[key] for key in keys}, "lightweight": None}
