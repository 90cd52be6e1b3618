"""How a task comes into being on the server: an upload, then a request that workers carry out in the background."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.names import split_images
from labelloop.adapters.cvat.refusals import CvatRefusedError
from labelloop.core.annotation import TaskSpec
from labelloop.core.errors import CvatError, CvatUnreachableError

OnProgress = Callable[[int, int], None]

# One request carries at most this much: few requests, yet progress is seen and a slow line keeps the time limit.
MOST_BYTES = 32 << 20
MOST_FILES = 100
LONGEST_CREATION_S = 1800.0
FIRST_POLL_S = 0.05
SLOWEST_POLL_S = 2.0


def send_images(server: CvatServer, task_id: int, spec: TaskSpec, on_progress: OnProgress | None = None) -> None:
    """Upload the images of a task under their upload names and have the server make the task of them.

    Sends what `cvat_sdk` sends, but the names and bytes straight from the images: the SDK takes a name from the file
    itself, after following links, and the files have other names.

    Args:
        server: The connection.
        task_id: A task without data.
        spec: The images and how they are stored.
        on_progress: Called with the images sent so far and their total number.

    Raises:
        CvatError: If the server refuses.
        CvatUnreachableError: If an answer is lost; nothing is repeated, for CVAT fails on a file that comes twice.
    """
    path, doing = f"/api/tasks/{task_id}/data/", f"uploading images to task {task_id}"
    server.upload(path, doing, "Upload-Start")
    sent = 0
    for part in split_images(spec.images, MOST_FILES, MOST_BYTES):
        files = {f"client_files[{i}]": (image.upload_name, image.path.read_bytes()) for i, image in enumerate(part)}
        server.upload(path, doing, "Upload-Multiple", {"image_quality": str(spec.image_quality), **files})
        sent += len(part)
        if on_progress is not None:
            on_progress(sent, len(spec.images))
    body: dict[str, Any] = {"image_quality": spec.image_quality, "sorting_method": spec.sorting}
    if spec.sorting == "predefined":
        body["upload_file_order"] = [image.upload_name for image in spec.images]
    server.finish_upload(path, doing, body)


def creation_state(server: CvatServer, task_id: int) -> tuple[str, str]:
    """State of the request that makes a task, and its message: queued, started, finished, failed, or unknown.

    `unknown` is a request that was never made, or was forgotten: CVAT keeps a finished one for eight minutes.
    """
    request = quote(f"action=create&target=task&target_id={task_id}", safe="")
    try:
        answer = server.get(f"/api/requests/{request}", f"reading the creation of task {task_id}")
    except CvatRefusedError as error:
        if error.status != 404:
            raise
        return "unknown", ""
    return str(answer["status"]), _last_line(str(answer.get("message") or ""))


def wait_for_creation(server: CvatServer, task_id: int, timeout_s: float = LONGEST_CREATION_S) -> str:
    """Wait until a task is made.

    Returns:
        Empty if it was made or nobody is making it; otherwise why it failed.

    Raises:
        CvatUnreachableError: If the server's workers are still at it when the time is up.
    """
    deadline, pause = time.monotonic() + timeout_s, FIRST_POLL_S
    while True:
        state, message = creation_state(server, task_id)
        if state == "failed":
            return message or "CVAT gives no reason"
        if state in {"finished", "unknown"}:
            return ""
        if time.monotonic() > deadline:
            raise CvatUnreachableError(
                f"CVAT at {server.url} has not made task {task_id} within {timeout_s:.0f} s",
                "Are its import workers running? The task is found and used on the next try.",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, SLOWEST_POLL_S)


def remove_half_made(server: CvatServer, task_id: int) -> None:
    """Delete a task that has no data and so no labels; CVAT cannot repair one.

    Raises:
        CvatError: If the task has data: nothing that people may have worked on is ever deleted.
    """
    try:
        task = read_task(server, task_id)
        if task.get("size") or task["jobs"]["count"]:
            raise CvatError(f"task {task_id} holds images and is not deleted", "Delete it in CVAT if it is not needed.")
        server.write("DELETE", f"/api/tasks/{task_id}", f"deleting the half-made task {task_id}")
    except CvatRefusedError as error:
        if error.status != 404:  # it is gone, which is what was wanted
            raise


def read_task(server: CvatServer, task_id: int) -> dict[str, Any]:
    """A task as the server describes it; `size` is missing until it has data."""
    task: dict[str, Any] = server.get(f"/api/tasks/{task_id}", f"reading task {task_id}")
    return task


def _last_line(message: str) -> str:
    """Last line of a message: CVAT may give a whole Python traceback, whose last line is the reason."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1] if lines else ""
