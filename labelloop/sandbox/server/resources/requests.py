"""Background requests, for those who wait for one."""

from starlette.responses import Response

from labelloop.sandbox.server.errors import forbidden, plain
from labelloop.sandbox.server.filters import Terms, select
from labelloop.sandbox.server.paging import paginated
from labelloop.sandbox.server.replies import json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.serializers import request

UNCACHED = {"Cache-Control": "max-age=0, no-cache, no-store, must-revalidate, private"}

TERMS = Terms(
    {
        "id": lambda row: row["id"],
        "created_date": lambda row: row["created_date"],
        "status": lambda row: row["status"],
        "action": lambda row: row["operation"]["type"].split(":")[0],
        "target": lambda row: row["operation"]["target"],
        "subresource": lambda row: row["operation"]["type"].split(":")[1],
        "format": lambda row: row["operation"]["format"],
        "project_id": lambda row: row["operation"]["project_id"],
        "task_id": lambda row: row["operation"]["task_id"],
        "job_id": lambda row: row["operation"]["job_id"],
    },
    frozenset({"status", "action", "target", "subresource", "format", "project_id", "task_id", "job_id"}),
    frozenset(),
    default_sort="-created_date",
)


def listed(call: Call) -> Response:
    """The requests that have not expired, newest first."""
    ids = [row["id"] for row in call.store.find("requests", owner_id=call.user["id"])]
    rows = [row for row in map(call.world.worker.find, ids) if row is not None]
    response = paginated(call, select(rows, call.query, TERMS), lambda row: request.request(row, call.store, call.base))
    response.headers.update(UNCACHED)
    return response


def one(call: Call) -> Response:
    """One request.

    Raises:
        Refusal: 404 in plain text, when it never was or has expired.
    """
    row = call.world.worker.find(call.request.path_params["rq_id"])
    if row is None:
        refusal = plain(404, "There is no request with specified id")
        refusal.headers.update(UNCACHED)
        raise refusal
    if row["owner_id"] != call.user["id"] and not call.user["is_superuser"]:
        raise forbidden()
    return json_reply(request.request(row, call.store, call.base), headers=UNCACHED)
