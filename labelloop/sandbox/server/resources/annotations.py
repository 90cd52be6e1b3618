"""Annotations of a task or a job: read, replaced, and changed by action."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from starlette.responses import Response

from labelloop.sandbox.server.errors import invalid, plain
from labelloop.sandbox.server.exports.formats import IMPORTERS
from labelloop.sandbox.server.hooks import events
from labelloop.sandbox.server.replies import empty_reply, json_reply
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup
from labelloop.sandbox.server.rules import shapes
from labelloop.sandbox.server.rules.annotations import Annotations
from labelloop.sandbox.server.serializers import annotation

Scope = Callable[[Call], Annotations]

GONE = (
    "This endpoint is no longer supported.\n"
    "To initiate the export process, use POST /api/tasks/id/dataset/export?save_images=False.\n"
    "To check the process status, use GET /api/requests/rq_id,\n"
    "where rq_id is obtained from the response of the previous request.\n"
    "To download the prepared file, use the result_url obtained from the response of the previous request.\n"
)


def of_task(call: Call) -> Annotations:
    """The annotations of the task in the path, without those of its ground truth."""
    task = lookup.task(call)
    size = lookup.data(call.store, task)["size"]
    jobs = call.store.find("jobs", order="start_frame, id", task_id=task["id"], type="annotation")
    return Annotations(call.store, task, jobs, size)


def of_job(call: Call) -> Annotations:
    """The annotations of the job in the path."""
    job = lookup.job(call)
    task = lookup.task_of(call.store, job)
    return Annotations(call.store, task, [job], lookup.data(call.store, task)["size"])


def _watching(call: Call, annotations: Annotations) -> AbstractContextManager[None]:
    """Annotations move the dates of their job and task."""
    return events.watching(call, *(("jobs", job) for job in annotations.jobs), ("tasks", annotations.task))


def importer(scope: Scope) -> Callable[[Call], Response]:
    """POST: annotations from a file, of which the sandbox reads no format."""

    def post(call: Call) -> Response:
        scope(call)
        name = call.query.get("format", "")
        what = "The sandbox does not read" if name in IMPORTERS else "Unknown input format"
        raise invalid(f"{what} '{name}'")

    return post


def reader(scope: Scope) -> Callable[[Call], Response]:
    """GET: all annotations."""

    def get(call: Call) -> Response:
        if "format" in call.query:
            raise plain(410, GONE)
        annotations = scope(call)
        return json_reply(annotation.read(annotations.rows(), annotations.specs()))

    return get


def replacer(scope: Scope) -> Callable[[Call], Response]:
    """PUT: these annotations and no others. There is no lock: the last writer wins."""

    def put(call: Call) -> Response:
        annotations = scope(call)
        items = shapes.checked(call.fields(), annotations.specs(), with_ids=False)
        with _watching(call, annotations), call.store.transaction():
            annotations.clear()
            created = annotations.create(items)
            annotations.finish()
        return json_reply(annotation.written(created))

    return put


def changer(scope: Scope) -> Callable[[Call], Response]:
    """PATCH: create, update or delete some."""

    def patch(call: Call) -> Response:
        annotations, action = scope(call), call.query.get("action")
        actions = {"create": annotations.create, "update": annotations.update, "delete": annotations.delete}
        if action not in actions:
            raise invalid("Please specify a correct 'action' for the request")
        items = shapes.checked(call.fields(), annotations.specs(), with_ids=action != "create")
        with _watching(call, annotations), call.store.transaction():
            changed = actions[action](items)
            annotations.finish()
        return json_reply(annotation.written(changed))

    return patch


def eraser(scope: Scope) -> Callable[[Call], Response]:
    """DELETE: all of them."""

    def delete(call: Call) -> Response:
        annotations = scope(call)
        with _watching(call, annotations), call.store.transaction():
            annotations.clear()
            annotations.finish()
        return empty_reply(204)

    return delete
