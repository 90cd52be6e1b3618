"""Lists in pages: `count`, `next`, `previous`, `results`."""

from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from starlette.responses import Response

from labelloop.sandbox.server.errors import detail
from labelloop.sandbox.server.replies import json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.store import Row

DEFAULT_SIZE = 10


def paginated(call: Call, rows: Sequence[Row], serialize: Callable[[Row], Row]) -> Response:
    """One page of rows; only what is on it is serialized.

    Raises:
        Refusal: 404, past the last page.
    """
    size = _page_size(call.query.get("page_size"), len(rows))
    last = max(1, -(-len(rows) // size))
    page = _page_number(call.query.get("page", "1"), last)
    body = {
        "count": len(rows),
        "next": _link(call, page + 1) if page < last else None,
        "previous": _link(call, page - 1) if page > 1 else None,
        "results": [serialize(row) for row in rows[(page - 1) * size : page * size]],
    }
    return json_reply(body)


def _page_size(text: str | None, count: int) -> int:
    """There is no upper bound; what is no number counts as not given."""
    if text == "all":
        return max(1, count)
    return int(text) if text and text.isdecimal() and int(text) > 0 else DEFAULT_SIZE


def _page_number(text: str, last: int) -> int:
    if text == "last":
        return last
    if not text.isdecimal() or not 1 <= int(text) <= last:
        raise detail(404, "Invalid page.")
    return int(text)


def _link(call: Call, page: int) -> str:
    """The address of another page; the first one is written without a number."""
    query = {**call.query, "page": str(page)}
    if page == 1:
        del query["page"]
    address = f"{call.base}{call.request.url.path}"
    return f"{address}?{urlencode(sorted(query.items()))}" if query else address
