"""How stage and state decide a job's status, and the jobs their task's."""

from collections.abc import Sequence

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.store import Row, Store

STAGES = ("annotation", "validation", "acceptance")
STATES = ("new", "in progress", "completed", "rejected")


def of_job(job: Row) -> str:
    """CVAT's deprecated `status`: a job in stage annotation stays "annotation" even when its state is completed."""
    if job["stage"] == "annotation":
        return "annotation"
    return "completed" if job["stage"] == "acceptance" and job["state"] == "completed" else "validation"


def of_task(jobs: Sequence[Row]) -> str:
    """The worst of its jobs: "completed" only when every job is accepted and completed."""
    statuses = {of_job(job) for job in jobs}
    if not jobs or "annotation" in statuses:
        return "annotation"
    return "validation" if "validation" in statuses else "completed"


def summary(jobs: Sequence[Row]) -> dict[str, int]:
    """The counts in `task.jobs`."""
    return {
        "count": len(jobs),
        "completed": sum(of_job(job) == "completed" for job in jobs),
        "validation": sum(job["stage"] == "validation" for job in jobs),
    }


def touch_task(store: Store, task: Row) -> None:
    """Move the dates of a task and its project."""
    moment = clock.now()
    store.update("tasks", task["id"], updated_date=moment)
    if task["project_id"] is not None:
        store.update("projects", task["project_id"], updated_date=moment)


def refresh_task(store: Store, task_id: int) -> None:
    """Bring a task's status up to its jobs; its date moves only when the status does."""
    task = store.rows("SELECT * FROM tasks WHERE id = ?", [task_id])[0]
    status = of_task(store.find("jobs", task_id=task_id))
    if status != task["status"]:
        store.update("tasks", task_id, status=status)
        touch_task(store, task)
