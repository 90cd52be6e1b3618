"""Servers and connections that behave badly on purpose."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

from labelloop.adapters.cvat.access import CvatAccess
from labelloop.adapters.cvat.client import CvatServer, _open

Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def answering(reply: Callable[[str, str], Reply]) -> Iterator[str]:
    """A web server that answers what `reply(method, path)` says; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = reply(self.command, self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 the names that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{web.server_port}"
    finally:
        web.shutdown()
        web.server_close()
        thread.join()


class LossyPool:
    """Breaks a connection at one request.

    Args:
        pool: The pool that works.
        breaks: Says of `(method, url, headers)` whether the line breaks there.
        cut: What happens there.
    """

    def __init__(self, pool: Any, breaks: Callable[[str, str, Any], bool], cut: "Cut") -> None:
        self.pool, self.breaks, self.cut = pool, breaks, cut
        self.broken = False
        self.sent: list[tuple[str, str]] = []

    def request(self, method: str, url: str, **options: Any) -> Any:
        if self.broken and self.cut.for_good:
            raise _reset()
        lost = not self.broken and self.breaks(method, url, options.get("headers") or {})
        if not lost or self.cut.after_commit:
            self.sent.append((method, url))
            response = self.pool.request(method, url, **options)
        if lost:
            self.broken = True
            if not self.cut.gateway:
                raise _reset()
            return urllib3.HTTPResponse(body=b"<html><title>504 Gateway Time-out</title></html>", status=504)
        return response


@dataclass(frozen=True)
class Cut:
    """How a line breaks.

    Attributes:
        after_commit: The server got the request before the line broke.
        for_good: All later requests fail as well, as after a crash.
        gateway: A proxy in front of the server answers that it got no answer.
    """

    after_commit: bool = True
    for_good: bool = False
    gateway: bool = False


def lossy_server(
    access: CvatAccess, breaks: Callable[[str, str, Any], bool], cut: Cut | None = None
) -> tuple[CvatServer, LossyPool]:
    """A connection of its own that breaks where `breaks` says."""
    server = _open(access, 30.0)
    lossy = LossyPool(server._pool._pool, breaks, cut or Cut())
    server._pool._pool = lossy
    return server, lossy


def _reset() -> Exception:
    return urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer"))
