"""What tasks of CVAT held, or were to hold, in plain files: written before they are changed, put back when asked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labelloop.adapters.files.record_names import FROM_APP
from labelloop.core.annotation import TaskContent
from labelloop.core.drawn import received
from labelloop.core.errors import CvatError
from labelloop.core.task_table import SHORT
from labelloop.resources.project import Project

WHEN = "%Y-%m-%d %H:%M:%S UTC"
TAKEN = "backed_up"  # beside the content; older backups do not say it


@dataclass(frozen=True)
class Backup:
    """What a task held when it was backed up; `says_when` is whether the backup itself tells the time."""

    name: str
    taken: datetime
    content: TaskContent
    says_when: bool = True

    @property
    def told(self) -> str:
        """Name, when, task, revision and shapes, in words."""
        counts = received([self.content])
        shapes = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items())) or "nothing drawn"
        removed = sum(frame.deleted for frame in self.content.frames)
        deleted = f", {removed} frames deleted" if removed else ""
        by_file = "" if self.says_when else " (the date of its file)"
        return (
            f"{self.name}: {self.taken.strftime(WHEN)}{by_file}, task {self.content.task_id} '{self.content.name}', "
            f"revision {self.content.revision[:SHORT]}, {shapes}{deleted}"
        )


def backups(project: Project, batch: str) -> list[Backup]:
    """The backups of the tasks of a batch, and edits of the App that never arrived there, oldest first."""
    folder = project.home.root / "backups" / batch
    return sorted((_read(project, batch, path) for path in folder.glob("*.json")), key=lambda each: each.taken)


def back_up(project: Project, batch: str, content: TaskContent, kind: str) -> str:
    """Keep a content where `labelloop restore` finds it; returns the name of the backup, which begins with its kind.

    Raises:
        CvatError: If it does not hold the content.
    """
    name = f"{kind}-{content.task_id}-{content.revision}"
    taken = datetime.now(UTC).isoformat()
    project.ledger.write("backups", f"{batch}/{name}", {**content.to_dict(), TAKEN: taken})
    if _content(project.ledger.read("backups", f"{batch}/{name}")) != content:
        raise CvatError(
            f"The backup {name} does not hold what task {content.task_id} does",
            "Check the disk; the task is unchanged.",
        )
    return name


def keep_edits(
    project: Project,
    batch: str,
    contents: Iterable[TaskContent],
    whole: Callable[[TaskContent, TaskContent], TaskContent] | None = None,
) -> list[str]:
    """Keep tasks with what was edited in the App, those that are not as they were taken; names their backups.

    Args:
        project: The project.
        batch: The batch.
        contents: Its tasks with the edits.
        whole: What is to be kept of a task, from how it was taken and how it is with the edits, if not the latter.

    Raises:
        CvatError: If a backup does not hold the content.
    """
    taken = {each.task_id: each for each in project.ledger.contents(batch)[0]}
    changed = [each for each in contents if each != taken.get(each.task_id)]
    if whole is not None:
        changed = [whole(taken.get(each.task_id, each), each) for each in changed]
    return [back_up(project, batch, each, FROM_APP) for each in changed]


def _read(project: Project, batch: str, path: Path) -> Backup:
    stored = project.ledger.read("backups", f"{batch}/{path.stem}")
    if TAKEN in stored:
        return Backup(path.stem, datetime.fromisoformat(stored[TAKEN]), _content(stored))
    taken = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Backup(path.stem, taken, _content(stored), says_when=False)


def _content(stored: Mapping[str, Any]) -> TaskContent:
    return TaskContent.from_dict({name: value for name, value in stored.items() if name != TAKEN})
