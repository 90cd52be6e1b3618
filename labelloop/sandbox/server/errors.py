"""Refusals in the six shapes of body that CVAT answers with.

A client meets `{"detail": ...}`, `{"field": [...]}`, `["..."]`, a bare JSON string, plain text, and an HTML page
for a 500. Each shape has one constructor here, and `Refusal.response` is the only place that renders them.
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from labelloop.sandbox.server.replies import json_reply

SERVER_ERROR_PAGE = """
<!doctype html>
<html lang="en">
<head>
  <title>Server Error (500)</title>
</head>
<body>
  <h1>Server Error (500)</h1><p></p>
</body>
</html>
"""

CRASHED = 500


class Refusal(Exception):  # noqa: N818 — it is an answer, not a defect of the program
    """A request that is answered with an error.

    Args:
        status: The HTTP status.
        body: What the body says: anything JSON can hold, or text when `plain`.
        plain: The body is sent as plain text.
        headers: Headers beside the usual ones.
    """

    def __init__(
        self, status: int, body: Any, *, plain: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.plain = plain
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The refusal as it goes over the wire."""
        if self.status >= CRASHED:
            return HTMLResponse(SERVER_ERROR_PAGE, self.status, headers={"Vary": "Origin, Cookie"})
        if self.plain:
            return PlainTextResponse(
                self.body, self.status, headers=self.headers, media_type="text/html; charset=utf-8"
            )
        return json_reply(self.body, self.status, headers=self.headers)


def detail(status: int, text: str, **headers: str) -> Refusal:
    """`{"detail": text}`: who you are, what you may do, what does not exist."""
    return Refusal(status, {"detail": text}, headers=headers)


def invalid(text: str) -> Refusal:
    """`[text]`: a rule of the server is broken."""
    return Refusal(400, [text])


def bad_field(name: str, text: str) -> Refusal:
    """`{name: [text]}`: one field is wrong."""
    return Refusal(400, {name: [text]})


def bare(status: int, text: str) -> Refusal:
    """A bare JSON string."""
    return Refusal(status, text)


def plain(status: int, text: str) -> Refusal:
    """Plain text, under CVAT's usual text/html."""
    return Refusal(status, text, plain=True)


def crash() -> Refusal:
    """The HTML page of a 500: where CVAT itself falls over, the sandbox does too."""
    return Refusal(500, "")


def not_found(noun: str) -> Refusal:
    """404 for a noun that is not there, such as `Task`."""
    return detail(404, f"No {noun} matches the given query.")


def forbidden() -> Refusal:
    """403 for something that this user may not do."""
    return detail(403, "You do not have permission to perform this action.")
