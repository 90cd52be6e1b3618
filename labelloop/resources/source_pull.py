"""Tasks of people's own project: which are asked for, which are read again, what is kept of them."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.projects import ProjectRef
from labelloop.adapters.cvat.pull import TaskSummary, content, tasks_of_people
from labelloop.adapters.files.backup import back_up
from labelloop.adapters.files.ledger import SOURCE
from labelloop.adapters.files.record_names import of_task
from labelloop.core.annotation import TaskContent
from labelloop.core.errors import LabelError, MissingStateError
from labelloop.core.pulling import looked_at, to_read
from labelloop.core.subsets import allowed, subset_key
from labelloop.core.vocabulary import PullMode
from labelloop.resources import half_written
from labelloop.resources.project import Project

READ_AT_ONCE = 4
NOTHING: dict[str, Any] = {"updated": {}}

UNFINISHED = "unfinished"

Log = Callable[[str], None]
Read = Callable[[str, str, Callable[[], str]], str]  # key, date, and how to read the revision of that date


@dataclass(frozen=True)
class Pulled:
    """Tasks of a project as they were last read.

    Attributes:
        contents: The tasks, newest first.
        updated: When each was changed last at the time it was read, by id.
        read: Ids of those that were read from the server just now.
        kept: Ids of those that are not to be had at the moment (reopened, deleted) and stay as they were taken.
    """

    contents: tuple[TaskContent, ...]
    updated: Mapping[str, str]
    read: tuple[str, ...]
    kept: tuple[str, ...]


def is_pulled(now: Project) -> bool:
    """Whether a pull came to its end: its record is written last."""
    return now.ledger.has_labels(SOURCE) and now.ledger.read_or_none("pulled", SOURCE) is not None


def offered(now: Project, server: CvatServer, project_id: int) -> list[TaskSummary]:
    """The tasks of a project that labelloop.yaml asks for, oldest first; those that labelloop made are left alone.

    Raises:
        LabelError: If `annotation.allowed_subsets` names a subset that no task has.
    """
    settings = now.settings.annotation
    tasks = tasks_of_people(server, project_id)
    subsets = allowed({task.subset for task in tasks}, settings.allowed_subsets)
    return [
        task
        for task in tasks
        if task.subset in subsets
        and task.size
        and (task.completed or settings.pull_unfinished)
        and not task.retired_key.startswith(f"{now.uuid}/")
    ]


def news_of(now: Project, server: CvatServer, project: ProjectRef, read: Read) -> tuple[dict[str, str], int]:
    """Tasks that are to be taken, each with what is new about it, and how many there are to look at.

    A task is news when it was never taken, or when what counts of its content is not what was taken; its date only
    says where to look. One that would not be read again, or that was reopened and is the same, calls for no run.
    """
    mode = now.settings.annotation.mode
    if mode == PullMode.SKIP_IF_EXIST and is_pulled(now):
        return {}, 0
    tasks, taken = offered(now, server, project.id), _record(now, project.url)["updated"]
    moved = [task for task in tasks if taken.get(str(task.task_id)) != task.updated]
    # Of a task at which people are, any date is as good as the next; a finished one was finished anew.
    found = {str(task.task_id): task.updated if task.completed else UNFINISHED for task in moved}
    for task in moved:
        if str(task.task_id) in taken:
            found[str(task.task_id)] = "" if mode == PullMode.SKIP_EXISTING else _change(now, server, task, read)
    return {task: what for task, what in found.items() if what}, len(tasks)


def _change(now: Project, server: CvatServer, task: TaskSummary, read: Read) -> str:
    """Revision of what counts of a task that was taken; empty where that is what was taken, or cannot be read now."""
    there = read(f"pull {task.url}", task.updated, lambda: looked_at(content(server, task.task_id)).revision)
    return "" if there == looked_at(_stored(now, str(task.task_id))).revision else there


def read_tasks(now: Project, server: CvatServer, project: ProjectRef, log: Log) -> Pulled:
    """The tasks of a project, as far as `annotation.pull_mode` asks read from the server, else as they were taken.

    Nothing is written but, before everything is read again, the backup.

    Raises:
        LabelError: If everything was to be read again, and the server has nothing.
        MissingStateError: If a task was written in part by `labelloop restore`.
    """
    half = half_written.unfinished(now, server, SOURCE)
    if half:
        raise MissingStateError(
            f"Only a part of what `labelloop restore source` writes is in the tasks {', '.join(f'#{t}' for t in half)}",
            "Run that command again.",
        )
    mode = now.settings.annotation.mode
    record = _record(now, project.url)
    updated = {str(task.task_id): task.updated for task in offered(now, server, project.id)}
    # The names of labels are part of what was read, and a task's date does not move with them.
    renamed = mode == PullMode.TASK_TRACKING and record.get("labels") != dict(project.label_ids)
    read = to_read(mode, updated, {} if renamed else record["updated"])
    if mode == PullMode.FORCE_REFRESH:
        _prepare_refresh(now, updated, record, log)
    kept = [] if mode == PullMode.FORCE_REFRESH else [task for task in record["updated"] if task not in updated]
    stored = [_stored(now, task) for task in [*(task for task in updated if task not in read), *kept]]
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        fresh = list(pool.map(lambda task: content(server, int(task)), read))
    log(f"{len(updated)} tasks of project '{project.name}', {len(read)} of them read, {len(kept)} kept as they were")
    contents = [each for each in [*fresh, *stored] if _is_allowed(now, each)]
    here = {str(each.task_id) for each in contents}
    dates = record["updated"] | {task: updated[task] for task in read}
    return Pulled(
        contents=tuple(sorted(contents, key=lambda each: -each.task_id)),
        updated={task: date for task, date in dates.items() if task in here},
        read=tuple(read),
        kept=tuple(task for task in kept if task in here),
    )


def keep_contents(now: Project, pulled: Pulled) -> None:
    """Keep the tasks that were read, for pulls that do not read them again."""
    for each in pulled.contents:
        if str(each.task_id) in pulled.read:
            now.ledger.write("pulled", pulled_name(each.task_id), each.to_dict())


def conclude(now: Project, project: ProjectRef, pulled: Pulled) -> None:
    """Note what was taken; last of all, so that a pull that was broken off is asked for again."""
    before: dict[str, Any] = now.ledger.read_or_none("pulled", SOURCE) or NOTHING
    record: dict[str, Any] = {
        "project": project.url,
        "labels": dict(project.label_ids),
        "updated": dict(pulled.updated),
    }
    if before != record:
        now.ledger.write("pulled", SOURCE, record)
    for task in before["updated"].keys() - record["updated"].keys():
        now.ledger.remove("pulled", pulled_name(task))


def _record(now: Project, url: str) -> dict[str, Any]:
    """What is noted of this project, as far as the tasks are here; of another one nothing."""
    record = now.ledger.read_or_none("pulled", SOURCE) or NOTHING
    if record.get("project") != url:
        return {**NOTHING}
    folder = now.ledger.root / "pulled"
    here = {task: date for task, date in record["updated"].items() if (folder / f"{pulled_name(task)}.json").is_file()}
    return {**record, "updated": here}


def _prepare_refresh(now: Project, updated: Mapping[str, str], record: Mapping[str, Any], log: Log) -> None:
    if record["updated"] and not updated:
        raise LabelError(
            f"The project has no finished task any more, and {len(record['updated'])} were pulled before: "
            "force_refresh would leave nothing",
            "Look at the project in CVAT, or set annotation.pull_mode to task_tracking, which keeps what is here.",
        )
    if now.ledger.has_labels(SOURCE):
        log(f"backup: {back_up(now.home.root, _files(now, record['updated']), f'pull-{now.ledger.revision(SOURCE)}')}")


def _files(now: Project, tasks: Iterable[str]) -> list[Path]:
    """The plain files that hold what was pulled."""
    root = now.home.root
    names = ["labels/source.json", "pulled/source.json", "tasks/source.json", "schema.json", "samples.parquet"]
    names += [f"pulled/{pulled_name(task)}.json" for task in tasks]
    return [now.ledger.label_file(SOURCE, now.ledger.revision(SOURCE)), *(root / name for name in names)]


def _is_allowed(now: Project, task: TaskContent) -> bool:
    wanted = now.settings.annotation.allowed_subsets
    return not wanted or subset_key(task.subset) in map(subset_key, wanted)


def _stored(now: Project, task: str) -> TaskContent:
    return TaskContent.from_dict(now.ledger.read("pulled", pulled_name(task)))


def stored_tasks(now: Project) -> list[TaskContent]:
    """The tasks that were pulled, each whole, as far as they are here."""
    found = (now.ledger.read_or_none("pulled", pulled_name(task)) for task in now.ledger.task_ids(SOURCE))
    return [TaskContent.from_dict(each) for each in found if each is not None]


def pulled_name(task: str | int) -> str:
    """Under which a task is kept as it came."""
    return of_task(task)
