"""Images of people's own tasks: each is downloaded once, and known by its content."""

import re
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.frames import CHUNKS_AT_ONCE, DownloadedFrame, download_frames
from labelloop.adapters.files.ledger import SOURCE
from labelloop.adapters.images import ImageFile, inspect_all, is_rewritten_by_cvat
from labelloop.core.annotation import TaskContent, content_hash
from labelloop.core.errors import LabelError
from labelloop.core.hashes import hamming
from labelloop.core.registry import samples_table
from labelloop.core.subsets import subset_key
from labelloop.resources.project import Project

NAMED_BY_CONTENT = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]{1,5})?")
SAME_PICTURE = 6  # bits of a 64-bit dHash: writing a JPEG anew changes up to 4, and decoding it smaller up to 3


def samples_of_tasks(
    now: Project, server: CvatServer, tasks: Sequence[TaskContent], *, anew: bool = False
) -> dict[int, list[str]]:
    """Sample of each frame of these tasks, by task; a task's images never change, so each is downloaded once.

    Args:
        now: The project.
        server: The connection.
        tasks: The tasks, newest first.
        anew: Whether to download them also where they are here.

    Raises:
        LabelError: If an image is damaged, or has another size than the server says.
        CvatError: If the server refuses.
    """
    known: dict[str, list[str]] = {} if anew else dict(_record(now)["samples"])
    missing = [task for task in tasks if task.url not in known]
    for task, frames in _downloaded(now, server, missing):
        known[task.url] = _register(now, task, frames)
        _note(now, {"samples": _record(now)["samples"] | {task.url: known[task.url]}})
        shutil.rmtree(_records(now, task), ignore_errors=True)
    if missing:
        _sweep(now)
    return {task.task_id: known[task.url] for task in tasks}


def pulled_samples(now: Project) -> set[str]:
    """Samples of all tasks that were ever pulled."""
    return {sample_id for ids in _record(now)["samples"].values() for sample_id in ids}


def note_versions(now: Project, tasks: Sequence[TaskContent], version: int) -> None:
    """Keep for each new task which classes its project had: what came later was not looked for there."""
    before = _record(now).get("schema_versions", {})
    known = {task.url: version for task in tasks} | before
    if known != before:
        _note(now, {"schema_versions": known})


def _downloaded(
    now: Project, server: CvatServer, tasks: Sequence[TaskContent]
) -> Iterator[tuple[TaskContent, list[DownloadedFrame]]]:
    def bring(task: TaskContent) -> list[DownloadedFrame]:
        return download_frames(server, task.task_id, now.home.root / "media", records=_records(now, task))

    with ThreadPoolExecutor(CHUNKS_AT_ONCE) as pool:
        yield from zip(tasks, pool.map(bring, tasks), strict=True)


def _records(now: Project, task: TaskContent) -> Path:
    """Where a download notes how far it is."""
    return now.home.root / "incoming" / content_hash(task.url)


def _record(now: Project) -> dict[str, Any]:
    return now.ledger.read_or_none("tasks", SOURCE) or {"samples": {}}


def _note(now: Project, changes: dict[str, Any]) -> None:
    now.ledger.write("tasks", SOURCE, _record(now) | changes)


def _register(now: Project, task: TaskContent, frames: Sequence[DownloadedFrame]) -> list[str]:
    """Register the images of a task that are new; returns the sample of each frame."""
    inspected = {file.path: file for file in inspect_all([f.path for f in frames], {}, lambda *_: None)}
    _refuse_unfit(task, [(frame, inspected[frame.path]) for frame in frames])
    before = now.ledger.samples_or_empty()
    twins = {frame.path: twin for frame in frames if (twin := _twin(now, frame, inspected[frame.path], before))}
    new = [file for path, file in inspected.items() if path not in twins]
    files = pd.DataFrame([vars(file) | {"path": now.home.relative(file.path)} for file in new])
    if new:
        fresh = files[~files["sample_id"].isin(before["sample_id"])]
        split = dict.fromkeys(fresh["path"], task.subset) if subset_key(task.subset) else {}
        samples = samples_table(fresh, split, [], before)
        now.ledger.save_samples(samples.assign(dhash=samples["dhash"].astype("uint64")))
    return [twins.get(frame.path) or str(inspected[frame.path].sample_id) for frame in frames]


def _sweep(now: Project) -> None:
    """Remove downloads of images that are here under another path; not before all tasks have found theirs."""
    kept = {now.home.locate(path) for path in now.ledger.samples_or_empty()["path"]}
    for path in (now.home.root / "media").iterdir():
        if NAMED_BY_CONTENT.fullmatch(path.name) and path not in kept:
            path.unlink()


def _refuse_unfit(task: TaskContent, images: Sequence[tuple[DownloadedFrame, ImageFile]]) -> None:
    damaged = [frame.name for frame, image in images if image.sample_id is None]
    if damaged:
        raise LabelError(f"Task {task.task_id} holds images that cannot be read: {', '.join(damaged)}", task.url)
    other = [
        f"{frame.name} is {image.width}x{image.height} instead of {frame.width}x{frame.height}"
        for frame, image in images
        if (image.width, image.height) != (frame.width, frame.height)
    ]
    if other:
        raise LabelError(
            f"Task {task.task_id} gives images of another size than it says, boxes would not fit: {'; '.join(other)}",
            f"Make the task again: {task.url}",
        )


def _twin(now: Project, frame: DownloadedFrame, image: ImageFile, before: pd.DataFrame) -> str | None:
    """The sample that CVAT wrote anew, turned upright or as a JPEG: same name, same size, same picture.

    Its file here is of a kind that CVAT does not give back byte for byte; of any other only the content counts.
    """
    if before.empty or image.sample_id in set(before["sample_id"]):
        return None
    sized = before[(before["width"] == image.width) & (before["height"] == image.height)]
    stem = PurePosixPath(frame.name).stem
    for row in sized.sort_values("sample_id").itertuples():
        path = now.home.locate(str(row.path))
        same_name = stem == path.stem or stem.startswith(f"{path.stem}.")
        if same_name and hamming(int(row.dhash), image.dhash) <= SAME_PICTURE and is_rewritten_by_cvat(path):
            return str(row.sample_id)
    return None
