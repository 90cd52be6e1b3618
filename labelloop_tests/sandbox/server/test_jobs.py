"""What stage and state do to the statuses of jobs and tasks, as it was seen on a real CVAT."""

import pytest

from labelloop_tests.sandbox.server.world import Api, rectangle

STEPS = [  # change of the one open job, then its status, stage and state, and the task's status
    ({"state": "in progress"}, "annotation", "annotation", "in progress", "annotation"),
    ({"state": "completed"}, "annotation", "annotation", "completed", "annotation"),
    ({"stage": "validation"}, "validation", "validation", "new", "validation"),
    ({"stage": "acceptance"}, "validation", "acceptance", "new", "validation"),
    ({"state": "completed"}, "completed", "acceptance", "completed", "completed"),
    ({"stage": "acceptance"}, "completed", "acceptance", "completed", "completed"),
    ({"state": "rejected"}, "validation", "acceptance", "rejected", "validation"),
    ({"stage": "annotation", "state": "completed"}, "annotation", "annotation", "completed", "annotation"),
]


@pytest.fixture
def jobs(api: Api, make_task) -> list[int]:
    """The jobs of a task with two, in the order of their frames."""
    listed = api.get(f"/api/jobs?task_id={make_task(frames=4)}").json()["results"]
    return [job["id"] for job in reversed(listed)]


def _patch(api: Api, job: int, body: dict) -> dict:
    reply = api.call("PATCH", f"/api/jobs/{job}", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def _task(api: Api, job: int) -> dict:
    return api.get(f"/api/tasks/{api.get(f'/api/jobs/{job}').json()['task_id']}").json()


def test_the_status_of_job_and_task_follow_every_step(api: Api, jobs: list[int]) -> None:
    _patch(api, jobs[0], {"stage": "acceptance", "state": "completed"})
    for body, job_status, stage, state, task_status in STEPS:
        job = _patch(api, jobs[1], body)
        assert (job["status"], job["stage"], job["state"]) == (job_status, stage, state), body
        assert _task(api, jobs[1])["status"] == task_status, body


def test_a_task_is_not_completed_before_its_last_job_is(api: Api, jobs: list[int]) -> None:
    _patch(api, jobs[0], {"stage": "acceptance", "state": "completed"})
    task = _task(api, jobs[0])
    assert task["status"] == "annotation"
    assert {key: task["jobs"][key] for key in ("count", "completed", "validation")} == {
        "count": 2, "completed": 1, "validation": 0,
    }  # fmt: skip
    _patch(api, jobs[1], {"stage": "validation"})
    assert _task(api, jobs[0])["jobs"]["validation"] == 1


def test_jobs_are_listed_newest_first(api: Api, jobs: list[int]) -> None:
    task_id = api.get(f"/api/jobs/{jobs[0]}").json()["task_id"]
    assert [job["id"] for job in api.get(f"/api/jobs?task_id={task_id}").json()["results"]] == sorted(jobs)[::-1]


def test_jobs_can_be_filtered_by_stage_and_state(api: Api, jobs: list[int]) -> None:
    _patch(api, jobs[1], {"stage": "acceptance", "state": "completed"})
    task_id = api.get(f"/api/jobs/{jobs[0]}").json()["task_id"]
    found = api.get(f"/api/jobs?task_id={task_id}&stage=acceptance&state=completed").json()["results"]
    assert [job["id"] for job in found] == [jobs[1]]


def test_a_state_that_does_not_exist_is_refused(api: Api, jobs: list[int]) -> None:
    refused = api.call("PATCH", f"/api/jobs/{jobs[0]}", json={"state": "nope"})
    assert (refused.status_code, refused.json()) == (400, {"state": ['"nope" is not a valid choice.']})
    assert api.call("PATCH", f"/api/jobs/{jobs[0]}", json={"status": "completed"}).status_code == 403
    assert api.call("PATCH", f"/api/jobs/{jobs[0]}", json={"assignee": 77}).status_code == 400


def test_dates_move_as_in_cvat(api: Api, jobs: list[int], label: int) -> None:
    def dates() -> tuple[str, str, str]:
        first, second = (api.get(f"/api/jobs/{job}").json()["updated_date"] for job in jobs)
        return _task(api, jobs[0])["updated_date"], first, second

    task, first, second = dates()
    _patch(api, jobs[0], {"state": "in progress"})
    assert dates()[0] == task
    assert dates()[1] > first
    task, first, second = dates()
    task_id = _task(api, jobs[0])["id"]
    body = {"shapes": [rectangle(label, frame=3)]}
    api.call("PATCH", f"/api/tasks/{task_id}/annotations?action=create", json=body)
    assert dates()[0] > task
    assert dates()[1] == first
    assert dates()[2] > second
    task, first, second = dates()
    api.call("PATCH", f"/api/tasks/{task_id}/data/meta", json={"deleted_frames": [0]})
    assert dates()[0] > task
    assert dates()[1:] == (first, second)


def test_annotating_a_completed_job_changes_no_status(api: Api, jobs: list[int], label: int) -> None:
    for job in jobs:
        _patch(api, job, {"stage": "acceptance", "state": "completed"})
    api.call("PATCH", f"/api/jobs/{jobs[0]}/annotations?action=create", json={"shapes": [rectangle(label)]})
    assert _task(api, jobs[0])["status"] == "completed"
