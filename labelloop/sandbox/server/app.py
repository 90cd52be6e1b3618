"""The addresses of the server and what answers them."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from labelloop.sandbox.server.faults import control
from labelloop.sandbox.server.faults.transport import Faulty
from labelloop.sandbox.server.pages import views
from labelloop.sandbox.server.resource import Handler, Resource
from labelloop.sandbox.server.resources import (
    about,
    annotations,
    auth,
    backups,
    exports,
    frames,
    jobs,
    labels,
    meta,
    organizations,
    projects,
    requests,
    tasks,
    tus,
    uploads,
    users,
    webhooks,
)
from labelloop.sandbox.server.world import World

Table = dict[str, dict[str, Handler]]

GZIP_LEAST_BYTES = 200

PUBLIC: Table = {
    "/api/server/about": {"GET": about.about},
    "/api/server/health": {"GET": about.health},
    "/api/auth/login": {"POST": auth.login},
}

SERVER: Table = {
    "/api/server/plugins": {"GET": about.plugins},
    "/api/server/annotation/formats": {"GET": about.formats},
    "/api/auth/logout": {"GET": auth.logout, "POST": auth.logout},
    "/api/auth/access_tokens": {"GET": auth.tokens, "POST": auth.create_token},
    "/api/auth/access_tokens/{id:int}": {"GET": auth.token, "PATCH": auth.patch_token, "DELETE": auth.delete_token},
    "/api/users": {"GET": users.listed},
    "/api/users/self": {"GET": users.own},
    "/api/users/{id:int}": {"GET": users.one},
    "/api/labels": {"GET": labels.listed},
    "/api/labels/{id:int}": {"GET": labels.one, "PATCH": labels.patch, "DELETE": labels.delete},
    "/api/requests": {"GET": requests.listed},
    "/api/requests/{rq_id:path}": {"GET": requests.one},
}

ORGANIZATIONS: Table = {
    "/api/organizations": {"GET": organizations.listed, "POST": organizations.create},
    "/api/organizations/{id:int}": {
        "GET": organizations.one,
        "PATCH": organizations.patch,
        "DELETE": organizations.delete,
    },
    "/api/memberships": {"GET": organizations.members},
    "/api/memberships/{id:int}": {"PATCH": organizations.patch_member, "DELETE": organizations.delete_member},
    "/api/invitations": {"POST": organizations.invite},
}

PROJECTS: Table = {
    "/api/projects": {"GET": projects.listed, "POST": projects.create},
    "/api/projects/backup": {"POST": backups.poster("project")},
    "/api/projects/backup/{file_id}": {"PATCH": backups.patch, "HEAD": backups.head},
    "/api/projects/{id:int}": {"GET": projects.one, "PATCH": projects.patch, "DELETE": projects.delete},
    "/api/projects/{id:int}/preview": {"GET": frames.project_preview},
    "/api/projects/{id:int}/dataset": {"GET": exports.gone("project")},
    "/api/projects/{id:int}/dataset/export": {"POST": exports.starter("project")},
    "/api/projects/{id:int}/dataset/download": {"GET": exports.download},
    "/api/projects/{id:int}/backup/export": {"POST": exports.backup_starter("project")},
    "/api/projects/{id:int}/backup/download": {"GET": exports.download},
}

TASKS: Table = {
    "/api/tasks": {"GET": tasks.listed, "POST": tasks.create},
    "/api/tasks/backup": {"POST": backups.poster("task")},
    "/api/tasks/backup/{file_id}": {"PATCH": backups.patch, "HEAD": backups.head},
    "/api/tasks/{id:int}": {"GET": tasks.one, "PATCH": tasks.patch, "DELETE": tasks.delete},
    "/api/tasks/{id:int}/data": {"GET": frames.of_task, "POST": uploads.post},
    "/api/tasks/{id:int}/data/meta": {"GET": meta.of_task, "PATCH": meta.patch_task},
    "/api/tasks/{id:int}/data/{file_id}": {"PATCH": tus.patch, "HEAD": tus.head},
    "/api/tasks/{id:int}/preview": {"GET": frames.task_preview},
    "/api/tasks/{id:int}/annotations": {
        "GET": annotations.reader(annotations.of_task),
        "POST": annotations.importer(annotations.of_task),
        "PUT": annotations.replacer(annotations.of_task),
        "PATCH": annotations.changer(annotations.of_task),
        "DELETE": annotations.eraser(annotations.of_task),
    },
    "/api/tasks/{id:int}/dataset": {"GET": exports.gone("task")},
    "/api/tasks/{id:int}/dataset/export": {"POST": exports.starter("task")},
    "/api/tasks/{id:int}/dataset/download": {"GET": exports.download},
    "/api/tasks/{id:int}/backup/export": {"POST": exports.backup_starter("task")},
    "/api/tasks/{id:int}/backup/download": {"GET": exports.download},
}

JOBS: Table = {
    "/api/jobs": {"GET": jobs.listed, "POST": jobs.create},
    "/api/jobs/{id:int}": {"GET": jobs.one, "PATCH": jobs.patch, "DELETE": jobs.delete},
    "/api/jobs/{id:int}/data": {"GET": frames.of_job},
    "/api/jobs/{id:int}/data/meta": {"GET": meta.of_job, "PATCH": meta.patch_job},
    "/api/jobs/{id:int}/preview": {"GET": frames.job_preview},
    "/api/jobs/{id:int}/annotations": {
        "GET": annotations.reader(annotations.of_job),
        "POST": annotations.importer(annotations.of_job),
        "PUT": annotations.replacer(annotations.of_job),
        "PATCH": annotations.changer(annotations.of_job),
        "DELETE": annotations.eraser(annotations.of_job),
    },
    "/api/jobs/{id:int}/dataset/export": {"POST": exports.starter("job")},
    "/api/jobs/{id:int}/dataset/download": {"GET": exports.download},
}

WEBHOOKS: Table = {
    "/api/webhooks": {"GET": webhooks.listed, "POST": webhooks.create},
    "/api/webhooks/events": {"GET": webhooks.available},
    "/api/webhooks/{id:int}": {"GET": webhooks.one, "PATCH": webhooks.patch, "DELETE": webhooks.delete},
    "/api/webhooks/{id:int}/ping": {"POST": webhooks.ping},
    "/api/webhooks/{id:int}/deliveries": {"GET": webhooks.deliveries},
}


def create_app(world: World) -> ASGIApp:
    """The whole server as an ASGI application. A trailing slash is optional everywhere."""
    routes = [
        Route(address + slash, Resource(world, handlers, public=table is PUBLIC, plain=table is WEBHOOKS))
        for table in (PUBLIC, SERVER, ORGANIZATIONS, PROJECTS, TASKS, JOBS, WEBHOOKS)
        for address, handlers in table.items()
        for slash in ("", "/")
        if not (slash and address.endswith(":path}"))
    ]
    gzip = Middleware(GZipMiddleware, minimum_size=GZIP_LEAST_BYTES, compresslevel=1)
    if world.faults is None:
        return Starlette(routes=[*routes, *views.routes(world)], middleware=[gzip])
    controls = control.routes(world, world.faults)
    app = Starlette(routes=[*routes, *controls, *views.routes(world)], middleware=[gzip])
    return Faulty(app, world, world.faults)
