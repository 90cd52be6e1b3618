"""The faults of networks and proxies, around the whole application."""

import asyncio
import socket
import struct

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labelloop.sandbox.server import errors
from labelloop.sandbox.server.faults import actions
from labelloop.sandbox.server.faults.plan import Fault, Plan
from labelloop.sandbox.server.world import World

CONTROL = "/sandbox/control"
PROXY_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>"
)
LINGER_NOT = struct.pack("ii", 1, 0)  # closing resets the connection instead of ending it in peace


class Faulty:
    """An application with the faults of a plan.

    Args:
        app: What answers when nothing goes wrong.
        world: What actions work on.
        plan: What goes wrong.
    """

    def __init__(self, app: ASGIApp, world: World, plan: Plan) -> None:
        self._app = app
        self._world = world
        self._plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it go wrong."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        address = f"{scope['path']}?{query}" if query else scope["path"]
        fault = self._plan.struck(scope["method"], address, Headers(scope=scope))
        statuses: list[int] = []

        async def noting(message: Message) -> None:
            statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])
            await send(message)

        try:
            await self._answer(fault, scope, receive, noting, send)
        finally:
            status = statuses[0] if statuses else None
            self._plan.log(method=scope["method"], path=scope["path"], query=query, status=status)

    async def _answer(self, fault: Fault | None, scope: Scope, receive: Receive, send: Send, wire: Send) -> None:
        """Answer by `send`; `wire` is uvicorn's own, whose connection a reset needs."""
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "reset":
            await _read(receive, fault.number)
            _reset(wire)
        elif fault.kind in ("lost_reply", "gateway_timeout", "cut_short"):
            await self._answer_late(fault, scope, receive, send, wire)
        elif fault.kind in ("slow", "act", "act_after"):
            await self._answer_well(fault, scope, receive, send)
        else:
            await _read(receive, None)
            await _refusal(fault)(scope, receive, send)

    async def _answer_late(self, fault: Fault, scope: Scope, receive: Receive, send: Send, wire: Send) -> None:
        """Carry the request out, and lose the answer or a part of it."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        if fault.kind == "gateway_timeout":
            await HTMLResponse(PROXY_PAGE.format("504 Gateway Time-out"), 504)(scope, receive, send)
            return
        if fault.kind == "cut_short":
            body = b"".join(message.get("body", b"") for message in messages)
            await send(messages[0])
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await asyncio.sleep(0.05)  # what was written leaves before the reset
        _reset(wire)

    async def _answer_well(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the request out as ever, later or while somebody else is at work."""
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault.kind == "act":
            await run_in_threadpool(actions.perform, self._world, fault.action)
        await self._app(scope, receive, send)
        if fault.kind == "act_after":
            await run_in_threadpool(actions.perform, self._world, fault.action)


def _refusal(fault: Fault) -> Response:
    seconds = str(round(fault.seconds))
    if fault.kind == "too_many":
        return errors.detail(429, f"Request was throttled. Expected available in {seconds} seconds.",
                             **{"Retry-After": seconds}).response()  # fmt: skip
    if fault.kind == "busy_chunks":
        return Response(status_code=429, headers={"Retry-After": "10"})
    if fault.kind == "unavailable":
        return HTMLResponse(PROXY_PAGE.format("502 Bad Gateway"), 502)
    return errors.crash().response()


async def _read(receive: Receive, most: int | None) -> None:
    """Read a request body, or its first bytes."""
    seen, more = 0, True
    while more and (most is None or seen < most):
        message = await receive()
        seen += len(message.get("body", b""))
        more = message.get("more_body", False)


def _reset(wire: Send) -> None:
    """Reset the connection; ASGI has no word for it, so uvicorn's own is taken."""
    transport = wire.__self__.transport  # type: ignore[attr-defined]
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    transport.abort()
