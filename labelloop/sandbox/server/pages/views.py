"""The pages: everything in the sandbox, one project, one task with its pictures."""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from labelloop.sandbox.server import gate, media
from labelloop.sandbox.server.errors import Refusal
from labelloop.sandbox.server.pages import parts
from labelloop.sandbox.server.pages.markup import page, tag
from labelloop.sandbox.server.rules import labels
from labelloop.sandbox.server.world import World

View = Callable[[World, Request], Response]


def routes(world: World) -> list[Route]:
    """The pages' addresses, in the shape of CVAT's own, so that links work here and there."""
    views: dict[str, View] = {
        "/": home,
        "/projects": home,
        "/tasks": home,
        "/projects/{id:int}": project,
        "/tasks/{id:int}": task,
        "/tasks/{id:int}/jobs/{job:int}": task,
        "/tasks/{id:int}/frames/{frame:int}": picture,
    }
    return [Route(address, _endpoint(world, view)) for address, view in views.items()]


def home(world: World, _: Request) -> Response:
    """All projects and tasks."""
    sections: list[str] = []
    for row in reversed(world.store.find("projects")):
        sections += [
            tag("h2", tag("a", row["name"], href=f"/projects/{row['id']}")),
            parts.task_table(world, row["id"]),
        ]
    if world.store.count("tasks", project_id=None):
        sections += [tag("h2", "Tasks without a project"), parts.task_table(world, None)]
    return page("Projects and tasks", *(sections or [tag("p", "Nothing here yet.", class_="empty")]))


def project(world: World, request: Request) -> Response:
    """One project."""
    row = world.store.first("projects", id=request.path_params["id"])
    if row is None:
        return _missing("project")
    found = world.store.find("labels", project_id=row["id"], parent_id=None)
    back = tag("p", parts.way_back(row), class_="muted")
    return page(row["name"], back, parts.legend(found), tag("h2", "Tasks"), parts.task_table(world, row["id"]))


def task(world: World, request: Request) -> Response:
    """One task, or one of its jobs: each picture with what is drawn on it."""
    row = world.store.first("tasks", id=request.path_params["id"])
    jobs = world.store.find("jobs", order="start_frame, id", task_id=row["id"]) if row else []
    if "job" in request.path_params:
        jobs = [job for job in jobs if job["id"] == request.path_params["job"]]
    if row is None or ("job" in request.path_params and not jobs):
        return _missing("task or job")
    data = world.store.first("data", id=row["data_id"]) if row["data_id"] is not None else None
    found = labels.of_task(world.store, row)
    owner = world.store.first("projects", id=row["project_id"]) if row["project_id"] is not None else None
    line = tag("p", parts.state_line(row, data, owner), class_="muted")
    sections = [line, parts.legend(found), parts.job_table(row, jobs)]
    return page(row["name"], *sections, parts.gallery(world, row, data, jobs) if data else "")


def picture(world: World, request: Request) -> Response:
    """The file of one frame."""
    row = world.store.first("tasks", id=request.path_params["id"])
    frame = row and row["data_id"] is not None and world.store.first(
        "frames", data_id=row["data_id"], number=request.path_params["frame"]
    )  # fmt: skip
    if not frame:
        return _missing("frame")
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}
    path = world.blobs.path(frame["blob"])
    return FileResponse(path, media_type=media.content_type(frame["format"]), headers=headers)


def _endpoint(world: World, view: View) -> Callable[[Request], object]:
    """A page is for whoever sits at this machine: no login, but only where nobody else can listen in."""

    async def endpoint(request: Request) -> Response:
        try:
            gate.check_host(request, world)
        except Refusal as refusal:
            return refusal.response()
        if not world.pages:
            return PlainTextResponse("Pages are shown on the loopback address only.", 403)
        return await run_in_threadpool(view, world, request)

    return endpoint


def _missing(noun: str) -> Response:
    return page("Not found", tag("p", f"There is no such {noun}.", class_="empty"), status=404)
