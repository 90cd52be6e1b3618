"""One address of the API: which methods it has, who may call it, and how its answers and errors go out."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from labelloop.sandbox.server import errors, gate
from labelloop.sandbox.server.replies import json_reply
from labelloop.sandbox.server.rules import organizations
from labelloop.sandbox.server.store import Row, Store
from labelloop.sandbox.server.world import World

logger = logging.getLogger(__name__)

MOST_FILES = 100_000  # parts of one multipart upload


@dataclass(frozen=True)
class Call:
    """A request that was let in, with its body read."""

    world: World
    request: Request
    entry: gate.Entry | None  # None only where anybody may call
    content: bytes
    form: FormData | None

    @property
    def store(self) -> Store:
        """The rows of the sandbox."""
        return self.world.store

    @property
    def user(self) -> Row:
        """Who is asking."""
        if self.entry is None:
            raise gate.unauthorized()
        return self.entry.user

    @property
    def space(self) -> organizations.Space:
        """The organization that the request speaks of."""
        return self.entry.space if self.entry else organizations.EVERYTHING

    @property
    def base(self) -> str:
        """Scheme and host as the client wrote them; CVAT's links begin with it."""
        return str(self.request.base_url).rstrip("/")

    @property
    def query(self) -> dict[str, str]:
        """The query parameters."""
        return dict(self.request.query_params)

    @property
    def row_id(self) -> int:
        """The id in the path."""
        return int(self.request.path_params["id"])

    def fields(self) -> Row:
        """The body as a JSON object, or the plain fields of a form.

        Raises:
            Refusal: 400, when it is neither.
        """
        if self.form is not None:
            return {name: value for name, value in self.form.multi_items() if isinstance(value, str)}
        try:
            body: Any = json.loads(self.content or b"{}", parse_constant=_no_number)
        except ValueError as error:
            raise errors.detail(400, f"JSON parse error - {error}") from error
        if not isinstance(body, dict):
            raise errors.bad_field("non_field_errors", "Invalid data. Expected a dictionary.")
        return body

    def files(self) -> list[UploadFile]:
        """The files of a form, in the order in which they were sent."""
        parts = self.form.multi_items() if self.form is not None else []
        return [value for _, value in parts if isinstance(value, UploadFile)]


def _no_number(text: str) -> None:
    """Python reads NaN and Infinity; JSON has no such numbers, and they could not be sent back."""
    raise ValueError(f"{text} is no JSON")


Handler = Callable[[Call], Response]


class Resource:
    """An ASGI endpoint made of one function per HTTP method.

    Args:
        world: What the functions work on.
        public: Anybody may call it; such calls are counted by the throttle.
        handlers: The functions, by method.
        plain: Only these methods are told as allowed, as CVAT does for webhooks.
    """

    def __init__(
        self, world: World, handlers: dict[str, Handler], *, public: bool = False, plain: bool = False
    ) -> None:
        self._world = world
        self._public = public
        self._handlers = handlers
        if "GET" in handlers:
            self._handlers = {**handlers, "HEAD": handlers.get("HEAD", handlers["GET"])}
        self._allow = ", ".join(handlers if plain else [*self._handlers, "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            entry = await run_in_threadpool(self._admit, request)
            call = await _read(self._world, request, entry)
            response = await run_in_threadpool(self._handle, call)
            if call.form is not None:
                await call.form.close()
        except errors.Refusal as refusal:
            response = refusal.response()
        except Exception:
            logger.exception("%s %s", request.method, request.url.path)
            response = errors.crash().response()
        if response.status_code < errors.CRASHED:
            response.headers.setdefault("Allow", self._allow)
        response.headers.setdefault("Vary", "Accept, Origin, Cookie")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        await response(scope, receive, send)

    def _admit(self, request: Request) -> gate.Entry | None:
        """Let a request in, or refuse it."""
        gate.check_host(request, self._world)
        gate.check_accept(request)
        entry = gate.identify(request, self._world)
        if entry is None:
            if not self._public:
                raise gate.unauthorized()
            self._world.throttle.check(request.client.host if request.client else "")
            return None
        gate.check_permission(request, entry)
        return replace(entry, space=organizations.space(request, self._world.store, entry.user))

    def _handle(self, call: Call) -> Response:
        if call.request.method == "OPTIONS":
            return json_reply({})
        handler = self._handlers.get(call.request.method)
        if handler is None:
            raise errors.detail(405, f'Method "{call.request.method}" not allowed.')
        return handler(call)


async def _read(world: World, request: Request, entry: gate.Entry | None) -> Call:
    """Read the body, whole; the files of a form wait in temporary files."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = await request.form(max_files=MOST_FILES, max_fields=MOST_FILES)
        return Call(world, request, entry, b"", form)
    return Call(world, request, entry, await request.body(), None)
