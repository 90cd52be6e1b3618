"""What waiting for people depends on: stages, states, and which time stamp moves with what."""

from typing import Any

import pytest

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.jobs import (
    change_shapes,
    complete_job,
    delete_frames,
    jobs_of_task,
    put_job_annotations,
    rectangle,
    reopen_job,
)
from labelloop.adapters.cvat.projects import ProjectRef
from labelloop.adapters.cvat.pull import content, finished_tasks, progress, tasks_of_project
from labelloop.adapters.cvat.push import retire_task
from labelloop.core.annotation import TaskRef


def move(server: CvatServer, job_id: int, **fields: str) -> dict[str, Any]:
    moved: dict[str, Any] = server.write("PATCH", f"/api/jobs/{job_id}", "moving a job", fields)
    return moved


def status(server: CvatServer, project: ProjectRef) -> str:
    [task] = tasks_of_project(server, project.id)
    return task.status


def test_a_new_stage_alone_resets_the_state(server: CvatServer, task: TaskRef):
    move(server, task.job_ids[0], state="completed")
    moved = move(server, task.job_ids[0], stage="acceptance")
    assert (moved["stage"], moved["state"]) == ("acceptance", "new")
    complete_job(server, task.job_ids[0])
    assert jobs_of_task(server, task.task_id)[0].completed


def test_a_task_is_completed_when_every_job_is_accepted_and_completed(
    server: CvatServer, project: ProjectRef, task: TaskRef
):
    seen = [status(server, project)]
    for job_id in task.job_ids:
        move(server, job_id, state="completed")
    seen.append(status(server, project))
    for job_id in task.job_ids:
        complete_job(server, job_id)
        seen.append(status(server, project))
    assert seen == ["annotation", "annotation", "annotation", "completed"]


@pytest.mark.parametrize("change", [{"stage": "acceptance", "state": "rejected"}, {"state": "in progress"}, None])
def test_a_job_taken_up_again_makes_its_task_unfinished(
    server: CvatServer, project: ProjectRef, task: TaskRef, change: dict[str, str] | None
):
    for job_id in task.job_ids:
        complete_job(server, job_id)
    if change is None:
        reopen_job(server, task.job_ids[0])
    else:
        move(server, task.job_ids[0], **change)
    assert status(server, project) != "completed"
    assert not progress(server, [task.task_id])[0].completed


def test_drawing_in_a_completed_job_changes_no_status_but_the_revision(
    server: CvatServer, project: ProjectRef, task: TaskRef
):
    for job_id in task.job_ids:
        complete_job(server, job_id)
    before = content(server, task.task_id)
    change_shapes(server, task.job_ids[0], "create", [rectangle(project.label_ids["cat"], 0, (1, 1, 9, 9))])
    assert status(server, project) == "completed"
    assert content(server, task.task_id).revision != before.revision


def test_a_ground_truth_job_holds_the_task_back_but_not_us(server: CvatServer, project: ProjectRef, task: TaskRef):
    body = {"type": "ground_truth", "task_id": task.task_id, "frame_selection_method": "manual", "frames": [0, 2]}
    truth = server.write("POST", "/api/jobs", "making a ground truth job", body)
    put_job_annotations(server, truth["id"], [rectangle(project.label_ids["dog"], 0, (5, 5, 9, 9))])
    for job_id in task.job_ids:
        complete_job(server, job_id)
    assert status(server, project) != "completed"
    [state] = progress(server, [task.task_id])
    assert (state.jobs_total, state.jobs_completed, state.completed) == (2, 2, True)
    assert [job.job_id for job in jobs_of_task(server, task.task_id)] == list(task.job_ids)
    frames = content(server, task.task_id).frames
    assert [len(frame.shapes) for frame in frames] == [0, 0, 0, 0]
    assert [frame.job_id for frame in frames] == [task.job_ids[0]] * 2 + [task.job_ids[1]] * 2


def test_a_finished_task_of_other_people_is_found_and_its_stamp_moves_when_it_is_finished_again(
    server: CvatServer, project: ProjectRef, task: TaskRef
):
    for job_id in task.job_ids:
        complete_job(server, job_id)
    assert finished_tasks(server, project.id) == []  # it is ours
    retire_task(server, task.task_id, "of somebody else")
    [first] = finished_tasks(server, project.id)
    reopen_job(server, task.job_ids[1])
    assert finished_tasks(server, project.id) == []
    complete_job(server, task.job_ids[1])
    [second] = finished_tasks(server, project.id)
    assert (second.task_id, second.size) == (task.task_id, 4)
    assert second.updated > first.updated


def drawn(server: CvatServer, project: ProjectRef, task: TaskRef) -> None:
    change_shapes(server, task.job_ids[0], "create", [rectangle(project.label_ids["cat"], 0, (1, 1, 9, 9))])


CHANGES = {
    "drawing": drawn,
    "deleting a frame": lambda server, _, task: delete_frames(server, task.task_id, [1]),
    "completing a job": lambda server, _, task: complete_job(server, task.job_ids[0]),
    "reopening a job": lambda server, _, task: reopen_job(server, task.job_ids[1]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_stamp_of_a_task_moves_with(server: CvatServer, project: ProjectRef, task: TaskRef, change: str):
    [before] = progress(server, [task.task_id])
    CHANGES[change](server, project, task)
    [after] = progress(server, [task.task_id])
    assert after.updated > before.updated


def test_reading_moves_no_stamp(server: CvatServer, task: TaskRef):
    before = progress(server, [task.task_id])
    content(server, task.task_id)
    assert progress(server, [task.task_id]) == before


def test_progress_of_more_tasks_than_fit_into_one_address(
    server: CvatServer, task: TaskRef, monkeypatch: pytest.MonkeyPatch
):
    ids = [task.task_id, *range(999_999_000, 999_999_060)]
    assert [state.found for state in progress(server, ids)] == [True] + [False] * 60
