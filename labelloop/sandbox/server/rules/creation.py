"""A task comes into being from the files that were uploaded for it, all at once or not at all."""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from labelloop.sandbox.server import clock, media
from labelloop.sandbox.server.blobs import Blobs
from labelloop.sandbox.server.hooks import events
from labelloop.sandbox.server.hooks.sender import Sender
from labelloop.sandbox.server.rules import status
from labelloop.sandbox.server.rules.sorting import arranged
from labelloop.sandbox.server.store import Row, Store


@dataclass(frozen=True)
class Creator:
    """Creates tasks in the background."""

    store: Store
    blobs: Blobs
    hooks: Sender

    def __call__(self, request: Row, say: Callable[[str], None]) -> dict[str, Any]:
        """Create the task of a request.

        Raises:
            ValueError: If there is no picture among the files.
            OSError: If any picture is damaged: CVAT then creates nothing, and so does the sandbox.
        """
        say("Media files are being extracted...")
        task = self.store.first("tasks", id=request["operation"]["task_id"])
        if task is None:
            raise LookupError("Task matching query does not exist.")
        options, data = request["payload"], self.store.find("data", id=task["data_id"])[0]
        if data["size"]:  # a process that died after the last step, before it said so
            return {}
        files = {row["name"]: row["blob"] for row in self.store.find("client_files", data_id=data["id"])}
        names = _kept(arranged(list(self._pictures(files)), options), options)
        frames = [self._frame(files, name) for name in names]
        say("Task is being saved in database")
        with self.store.transaction():
            self._save(task, data, options, frames)
        self._tell(task)
        return {}

    def _tell(self, old: Row) -> None:
        """Two messages go out, as CVAT saves the task twice."""
        row = self.store.find("tasks", id=old["id"])[0]
        changed = {name: old[name] for name in ("mode", "updated_date", "overlap", "segment_size")}
        told = events.from_worker(self.hooks, self.store, {**events.by_worker(self.store, row), **changed}, row)
        self.store.update("tasks", row["id"], updated_date=clock.now())
        events.from_worker(self.hooks, self.store, told, row)

    def _pictures(self, files: dict[str, str]) -> Iterator[str]:
        """The names of all pictures, those inside zip archives with their folders."""
        for name, blob in files.items():
            if media.is_image_name(name):
                yield name
            elif media.is_archive_name(name):
                with zipfile.ZipFile(self.blobs.path(blob)) as archive:
                    yield from (_checked(member) for member in archive.namelist() if media.is_image_name(member))

    def _frame(self, files: dict[str, str], name: str) -> Row:
        """Decode one picture; a blob of its own is made when it is not served as it came."""
        blob = files.get(name)
        if blob is None:
            blob = self.blobs.write(io.BytesIO(self._from_archive(files, name)))
        picture = media.inspect(self.blobs.path(blob))
        if picture.content is not None:
            blob = self.blobs.write(io.BytesIO(picture.content))
        size = {"width": picture.width, "height": picture.height}
        return {"name": name, **size, "format": picture.format, "blob": blob}

    def _from_archive(self, files: dict[str, str], name: str) -> bytes:
        for archive_name, blob in files.items():
            if media.is_archive_name(archive_name):
                with zipfile.ZipFile(self.blobs.path(blob)) as archive:
                    if name in archive.namelist():
                        return archive.read(name)
        raise FileNotFoundError(name)

    def _save(self, task: Row, data: Row, options: Row, frames: list[Row]) -> None:
        size, moment, step = len(frames), clock.now(), _step(options)
        first = int(options.get("start_frame") or 0)
        for number, frame in enumerate(frames):
            self.store.insert("frames", data_id=data["id"], number=number, **frame)
        default_chunk = media.chunk_size(max(f["width"] for f in frames), max(f["height"] for f in frames))
        self.store.update(
            "data", data["id"], size=size, chunk_size=int(options.get("chunk_size") or default_chunk),
            start_frame=first, stop_frame=first + (size - 1) * step, frame_step=step,
            frame_filter=options.get("frame_filter") or "", chunks_updated_date=moment,
        )  # fmt: skip
        self._add_jobs(task, size)
        status.touch_task(self.store, task)

    def _add_jobs(self, task: Row, size: int) -> None:
        """Cut the frames into jobs; without a segment size, or with one too large, there is one job."""
        segment = task["segment_size"] if 0 < task["segment_size"] < size else size
        overlap = min(task["overlap"] or 0, segment // 2) if segment < size else 0
        self.store.update("tasks", task["id"], segment_size=segment, overlap=overlap, mode="annotation")
        for start in range(0, size - overlap, segment - overlap):
            moment = clock.now()
            self.store.insert(
                "jobs", task_id=task["id"], start_frame=start, stop_frame=min(start + segment, size) - 1,
                created_date=moment, updated_date=moment, chunks_updated_date=moment,
            )  # fmt: skip


def _checked(member: str) -> str:
    """The name of an archive's member; it is only a label here, but exports write it into archives again."""
    path = PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"The archive has a member outside of itself: {member}")
    return member


def _kept(names: list[str], options: Row) -> list[str]:
    """The frames that `start_frame`, `stop_frame` and `frame_filter` leave."""
    stop = options.get("stop_frame")
    kept = names[int(options.get("start_frame") or 0) : None if stop is None else int(stop) + 1 : _step(options)]
    if not kept:
        raise ValueError("No media data found")
    return kept


def _step(options: Row) -> int:
    """The step of a frame filter such as `step=2`."""
    text = str(options.get("frame_filter") or "").removeprefix("step=")
    return max(1, int(text)) if text else 1
