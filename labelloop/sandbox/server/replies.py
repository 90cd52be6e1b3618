"""Replies in CVAT's own media type."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/vnd.cvat+json"


def json_reply(body: Any, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """A body as CVAT's JSON."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return Response(content, status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def empty_reply(status: int, *, headers: Mapping[str, str] | None = None) -> Response:
    """A reply without a body."""
    return Response(b"", status, headers=dict(headers or {}))
