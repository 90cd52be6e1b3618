"""Jobs given to people in turn."""

import pytest

from labelloop.adapters.cvat.assign import assign_jobs, find_users
from labelloop.adapters.cvat.push import push_task
from labelloop.core.errors import CvatError


@pytest.fixture
def own(server) -> dict:
    """The only user that every server has: we."""
    return server.get("/api/users/self", "asking who we are")


def assignees(server, task) -> list[str]:
    jobs = server.list_all("/api/jobs", "reading jobs", task_id=task.task_id, sort="id")
    return [(job["assignee"] or {}).get("username", "") for job in sorted(jobs, key=lambda job: job["start_frame"])]


def test_users_are_found_by_name(server, own):
    assert find_users(server, [own["username"]]) == [own["id"]]
    assert find_users(server, []) == []


def test_an_unknown_user_is_an_error_that_lists_those_there_are(server, own):
    with pytest.raises(CvatError, match=f"the assignees 'nobody here'; it knows .*{own['username']}"):
        find_users(server, [own["username"], "nobody here"])


def test_every_job_is_given_to_somebody_and_giving_again_writes_nothing(server, project, make_spec, own):
    task = push_task(server, project, make_spec(5))
    assert assign_jobs(server, task.task_id, [own["id"]]) == 3
    assert assignees(server, task) == [own["username"]] * 3
    before = server.requests
    assign_jobs(server, task.task_id, [own["id"]])
    assert server.requests - before == 1


@pytest.mark.parametrize("change", [{"assignee": None}, {"state": "in progress"}, {"stage": "validation"}])
def test_a_job_that_was_taken_away_or_begun_is_for_people(server, project, make_spec, own, change):
    task = push_task(server, project, make_spec(5))
    first = task.job_ids[0]
    if "assignee" in change:
        server.write("PATCH", f"/api/jobs/{first}", "giving", {"assignee": own["id"]})
    server.write("PATCH", f"/api/jobs/{first}", "changing", change)
    assign_jobs(server, task.task_id, [own["id"]])
    assert assignees(server, task) == ["", own["username"], own["username"]]
