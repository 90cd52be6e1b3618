"""Jobs given to people in turn; who has a job, or had one, is for people to change."""

from collections.abc import Sequence

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import Job, jobs_of_task
from labelloop.core.errors import CvatError

MOST_NAMES = 20


def find_users(server: CvatServer, names: Sequence[str]) -> list[int]:
    """CVAT's ids of users, in the order of their names; nothing is asked where there are none.

    Raises:
        CvatError: If the server does not know one; lists those it knows.
    """
    if not names:
        return []
    ids = {str(user["username"]): int(user["id"]) for user in server.list_all("/api/users", "looking for assignees")}
    unknown = [f"'{name}'" for name in names if name not in ids]
    if unknown:
        shown = ", ".join(sorted(ids)[:MOST_NAMES])
        more = f" and {len(ids) - MOST_NAMES} more" if len(ids) > MOST_NAMES else ""
        raise CvatError(
            f"CVAT at {server.url} does not know the assignees {', '.join(unknown)}; it knows {shown}{more}",
            "Correct annotation.assignees. An account that is no admin sees the members of its organization alone.",
        )
    return [ids[name] for name in names]


def assign_jobs(server: CvatServer, task_id: int, users: Sequence[int], start: int = 0) -> int:
    """Give the jobs of a task to users in turn; returns how many jobs there are.

    A job that somebody has or had, or that was begun, is left alone: doing it again changes nothing.

    Args:
        server: The connection.
        task_id: The task.
        users: CVAT's ids of users, at least one.
        start: Place in `users` that the first job goes to, counted round.
    """
    jobs = jobs_of_task(server, task_id)
    for place, job in enumerate(jobs, start=start):
        if _is_free(job):
            doing = f"assigning job {job.job_id} of task {task_id}"
            server.write("PATCH", f"/api/jobs/{job.job_id}", doing, {"assignee": users[place % len(users)]})
    return len(jobs)


def _is_free(job: Job) -> bool:
    return not job.ever_assigned and (job.stage, job.state) == ("annotation", "new")
