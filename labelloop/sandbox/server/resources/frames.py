"""The pictures of a task or a job: one by one, in chunks, and as a preview."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from labelloop.sandbox.server import media
from labelloop.sandbox.server.errors import Refusal, bare, invalid
from labelloop.sandbox.server.resource import Call
from labelloop.sandbox.server.resources import lookup
from labelloop.sandbox.server.store import Row

QUALITIES = ("original", "compressed")


@dataclass(frozen=True)
class Footage:
    """Frames that can be asked for: all of a task, or a job's part of them."""

    data: Row
    frames: Sequence[Row]
    chunks_updated: str
    bad_frame: str  # what CVAT says to a number outside


def of_task(call: Call) -> Response:
    """A frame or chunk of a task."""
    task = lookup.task(call)
    data = lookup.data(call.store, task)
    frames = call.store.find("frames", order="number", data_id=data["id"])
    bad_frame = f"Invalid frame '{{}}'. The frame number should be in the [0, {data['size']}] range"
    return _answer(call, Footage(data, frames, data["chunks_updated_date"], bad_frame), "number")


def of_job(call: Call) -> Response:
    """A frame or chunk of a job; frames are numbered as in the task, chunks are the job's own."""
    footage = _job_footage(call)
    return _answer(call, footage, "index" if "index" in call.query else "number")


def task_preview(call: Call) -> Response:
    """A small picture of a task's first frame."""
    task = lookup.task(call)
    return _preview(call, call.store.find("frames", order="number", data_id=lookup.data(call.store, task)["id"]))


def job_preview(call: Call) -> Response:
    """A small picture of a job's first frame."""
    return _preview(call, _job_footage(call).frames)


def project_preview(call: Call) -> Response:
    """A small picture of the first frame of a project's first task that has one."""
    project = lookup.project(call)
    tasks = call.store.find("tasks", project_id=project["id"])
    found = [call.store.find("frames", order="number", data_id=task["data_id"]) for task in tasks if task["data_id"]]
    return _preview(call, [frame for frames in found for frame in frames[:1]])


def _job_footage(call: Call) -> Footage:
    job = lookup.job(call)
    data = lookup.data(call.store, lookup.task_of(call.store, job))
    frames = call.store.find("frames", order="number", data_id=data["id"])[job["start_frame"] : job["stop_frame"] + 1]
    return Footage(data, frames, job["chunks_updated_date"], "Incorrect requested frame number: {}")


def _answer(call: Call, footage: Footage, number_name: str) -> Response:
    kind, quality = call.query.get("type"), call.query.get("quality", "compressed")
    if kind not in ("frame", "chunk"):
        raise invalid("Data type not specified or not supported")
    if quality not in QUALITIES:
        raise invalid("Wrong quality value")
    text = call.query.get("number" if kind == "frame" else number_name, "")
    if not text.isdecimal():
        raise invalid("Number is not specified")
    if kind == "frame":
        return _frame(call, footage, int(text), quality)
    return _chunk(call, footage, int(text), quality)


def _frame(call: Call, footage: Footage, number: int, quality: str) -> Response:
    found = [frame for frame in footage.frames if frame["number"] == number]
    if not found:
        raise bare(400, footage.bad_frame.format(number))
    content = _content(call, footage, found[0], quality)
    kind = found[0]["format"] if quality == "original" else "JPEG"
    return Response(content, media_type=media.cvat_content_type(kind))


def _chunk(call: Call, footage: Footage, index: int, quality: str) -> Response:
    """A zip whose members are named by their place in the chunk, not by their frame."""
    size = footage.data["chunk_size"] or 1
    frames = footage.frames[index * size : (index + 1) * size]
    if not frames:
        raise bare(400, f"Incorrect chunk number: {index}")
    content = media.zipped(
        (f"{place:06d}{_extension(frame, quality)}", _content(call, footage, frame, quality))
        for place, frame in enumerate(frames)
    )
    checks = {"X-Checksum": str(zlib.crc32(content)), "X-Updated-Date": footage.chunks_updated}
    return Response(content, media_type="application/zip", headers=checks)


def _extension(frame: Row, quality: str) -> str:
    return media.extension(frame["name"], frame["format"]) if quality == "original" else ".jpeg"


def _content(call: Call, footage: Footage, frame: Row, quality: str) -> bytes:
    if quality == "original":
        return call.world.blobs.read(frame["blob"])
    return media.compressed(call.world.blobs.path(frame["blob"]), footage.data["image_quality"])


def _preview(call: Call, frames: Sequence[Row]) -> Response:
    if not frames:
        raise Refusal(404, "Preview image not found", plain=True)
    return Response(media.preview(call.world.blobs.path(frames[0]["blob"])), media_type="image/jpeg")
