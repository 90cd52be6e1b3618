"""Which tasks last got back what a backup holds: who writes other labels over that undoes it, and is told so."""

from collections.abc import Iterable
from datetime import UTC, datetime

from labelloop.adapters.files.record_names import in_batch, of_task
from labelloop.resources.backups import WHEN
from labelloop.resources.project import Project


def note(project: Project, batch: str, task_id: int, backup: str | None) -> None:
    """Note from which backup a task was written, or that it was written from none."""
    if backup is None:
        project.ledger.remove("restored", in_batch(batch, task_id))
        return
    project.ledger.write("restored", in_batch(batch, task_id), {"backup": backup, "at": datetime.now(UTC).isoformat()})


def forget(project: Project, batch: str) -> None:
    """Labels of the batch were taken anew, with whatever was restored: nothing that is here undoes it."""
    for path in (project.home.root / "restored" / batch).glob(f"{of_task('*')}.json"):
        project.ledger.remove("restored", f"{batch}/{path.stem}")


def told(project: Project, batch: str, task_ids: Iterable[int]) -> str:
    """Which of these tasks labelloop last restored, from what and when, in words; empty where it was none."""
    noted = {task_id: project.ledger.read_or_none("restored", in_batch(batch, task_id)) for task_id in task_ids}
    return " ".join(
        f"Task #{task_id} was restored from {record['backup']}, "
        f"{datetime.fromisoformat(record['at']).strftime(WHEN)}: this undoes it."
        for task_id, record in noted.items()
        if record is not None
    )
