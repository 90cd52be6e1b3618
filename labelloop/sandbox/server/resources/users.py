"""Users."""

from starlette.responses import Response

from labelloop.sandbox.server.errors import not_found
from labelloop.sandbox.server.paging import paginated
from labelloop.sandbox.server.replies import json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.serializers import user


def own(call: Call) -> Response:
    """The user who asks."""
    return json_reply(user.full(call.user, call.base))


def listed(call: Call) -> Response:
    """All users; for who is no admin, themselves."""
    rows = [row for row in call.store.find("users") if call.user["is_superuser"] or row["id"] == call.user["id"]]
    return paginated(call, rows, lambda row: user.full(row, call.base))


def one(call: Call) -> Response:
    """One user."""
    row = call.store.first("users", id=call.row_id)
    if row is None:
        raise not_found("User")
    return json_reply(user.full(row, call.base))
