"""Who may see and change what: the part of CVAT's rules that a job's annotator meets.

An admin may do everything, and so may who leads or supervises an organization in it. Everybody else has their own
projects and tasks and those they are assigned to; a job's
assignee has the job, but not its task, and may move its state, but not its stage.
"""

from labelloop.sandbox.server.rules import organizations
from labelloop.sandbox.server.store import Row, Store


def of_project(store: Store, user: Row, project_id: int | None) -> bool:
    """Whether somebody may see and change a project."""
    if user["is_superuser"]:
        return True
    project = store.first("projects", id=project_id) if project_id is not None else None
    if project is None:
        return False
    organization = organizations.of(store, "projects", project["id"])
    return _concerned(user, project) or organizations.role(store, user, organization) in organizations.SEEING_ALL


def of_task(store: Store, user: Row, task: Row) -> bool:
    """Whether somebody may see and change a task."""
    if _concerned(user, task) or of_project(store, user, task["project_id"]):
        return True
    return organizations.role(store, user, organizations.of_task(store, task)) in organizations.SEEING_ALL


def of_job(store: Store, user: Row, job: Row) -> bool:
    """Whether somebody may see a job and annotate it."""
    return job["assignee_id"] == user["id"] or manages_job(store, user, job)


def manages_job(store: Store, user: Row, job: Row) -> bool:
    """Whether somebody may say who works on a job, and at which stage it is."""
    if user["is_superuser"]:
        return True
    task = store.first("tasks", id=job["task_id"])
    return task is not None and of_task(store, user, task)


def of_label(store: Store, user: Row, label: Row) -> bool:
    """Whether somebody may see a label: that of a project or task, or of a task with a job for them."""
    if user["is_superuser"]:
        return True
    if label["project_id"] is not None:
        tasks = store.find("tasks", project_id=label["project_id"])
        allowed = of_project(store, user, label["project_id"])
    else:
        tasks = store.find("tasks", id=label["task_id"])
        allowed = any(of_task(store, user, task) for task in tasks)
    return allowed or any(store.first("jobs", task_id=task["id"], assignee_id=user["id"]) for task in tasks)


def _concerned(user: Row, row: Row) -> bool:
    return bool(user["is_superuser"]) or user["id"] in (row["owner_id"], row["assignee_id"])
