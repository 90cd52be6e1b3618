"""The control endpoint: plan faults, act as somebody else, stop the workers, move the clock, reset."""

import json
import secrets
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from labelloop.sandbox.server import accounts, clock, errors, gate
from labelloop.sandbox.server.faults import actions
from labelloop.sandbox.server.faults.brake import POINTS
from labelloop.sandbox.server.faults.plan import Plan
from labelloop.sandbox.server.faults.transport import CONTROL
from labelloop.sandbox.server.store import Row
from labelloop.sandbox.server.world import World

Handler = Callable[[World, Plan, Row], Row]

CONTENT = (
    "projects", "tasks", "data", "labels", "attributes", "client_files", "partial_files", "frames", "jobs",
    "ground_truth", "shapes", "tags", "tracks", "requests", "webhooks", "deliveries",
)  # fmt: skip


def routes(world: World, plan: Plan) -> list[Route]:
    """The addresses below `/sandbox/control`; without the key they are not there."""
    table: dict[str, dict[str, Handler]] = {
        "faults": {"GET": _faults, "POST": _add, "DELETE": _clear},
        "actions": {"POST": _act},
        "workers": {"POST": _hold},
        "clock": {"POST": _advance},
        "users": {"POST": _register},
        "requests": {"GET": _requests},
        "reset": {"POST": _reset},
    }
    return [
        Route(f"{CONTROL}/{name}", _endpoint(world, plan, handlers), methods=list(handlers))
        for name, handlers in table.items()
    ]


def _endpoint(world: World, plan: Plan, handlers: dict[str, Handler]) -> Callable[..., object]:
    async def endpoint(request: Request) -> Response:
        try:
            gate.check_host(request, world)
            if not secrets.compare_digest(request.headers.get("x-fault-key", "").encode(), plan.key.encode()):
                raise errors.detail(404, "Not found.")
            fields = json.loads(await request.body() or b"{}")
            return JSONResponse(await run_in_threadpool(handlers[request.method], world, plan, fields))
        except errors.Refusal as refusal:
            return refusal.response()

    return endpoint


def _faults(_: World, plan: Plan, __: Row) -> Row:
    return {"faults": plan.faults()}


def _add(_: World, plan: Plan, fields: Row) -> Row:
    plan.add(fields)
    return {}


def _clear(_: World, plan: Plan, __: Row) -> Row:
    plan.clear()
    return {}


def _act(world: World, _: Plan, fields: Row) -> Row:
    actions.perform(world, fields)
    return {}


def _hold(world: World, _: Plan, fields: Row) -> Row:
    point = fields.get("hold")
    if point is not None and point not in POINTS:
        raise errors.bad_field("hold", f'"{point}" is not a valid choice.')
    world.worker.brake.hold(point)
    return {}


def _advance(_: World, __: Plan, fields: Row) -> Row:
    clock.advance(float(fields["advance"]))
    return {}


def _register(world: World, _: Plan, fields: Row) -> Row:
    """Somebody who is no admin; CVAT has a form for it, the sandbox only this."""
    return {"id": accounts.add_user(world.store, str(fields["username"]), str(fields["password"]))}


def _requests(_: World, plan: Plan, __: Row) -> Row:
    return {"requests": plan.requests()}


def _reset(world: World, plan: Plan, _: Row) -> Row:
    """As new: no faults, no content, nobody but the first user, whose secrets stay."""
    plan.clear()
    world.worker.brake.hold(None)
    world.worker.settle()
    world.hooks.discard()
    world.throttle.clear()
    blobs = {row["blob"] for table in ("frames", "client_files", "partial_files", "requests")
             for row in world.store.find(table) if row["blob"]}  # fmt: skip
    with world.store.transaction():
        for table in CONTENT:
            world.store.execute(f"DELETE FROM {table}")  # noqa: S608
        world.store.execute("DELETE FROM secrets WHERE user_id > 1")
        world.store.execute("DELETE FROM users WHERE id > 1")
    world.blobs.delete(blobs)
    return {}
