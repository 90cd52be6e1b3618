"""What the making of tasks depends on."""

from dataclasses import replace
from pathlib import Path

import pytest

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.creation import (
    creation_state,
    read_task,
    remove_half_made,
    send_images,
    wait_for_creation,
)
from labelloop.adapters.cvat.jobs import jobs_of_task
from labelloop.adapters.cvat.names import sample_ids_of
from labelloop.adapters.cvat.projects import ProjectRef
from labelloop.adapters.cvat.pull import tasks_of_project
from labelloop.adapters.cvat.push import KEY_FIELD, push_task, task_key
from labelloop.core.annotation import TaskSpec
from labelloop.core.errors import CvatUnreachableError
from labelloop_tests.cvat_world import MakeSpec

ODD_NAMES = [
    "Straße 1.png", "日本語.png", "e\u0301 combining.png", "50% #3 & co?.png", "it's (1) [2] {3}.png", "a.b.c.png",
    "UPPER.PNG", "cats&notdogs &amp; &lt;b&gt;.png", "3.04\u202fPM\u00a0.png", "zero\u200bwidth.png",
    "x" * 150 + ".png", "🦠.png", "+plus=and~tilde.png", "-dash.png", ".hidden.png",
]  # fmt: skip


@pytest.fixture
def half(server: CvatServer, project: ProjectRef) -> int:
    """A task without images."""
    return int(server.write("POST", "/api/tasks", "making", {"name": "half", "project_id": project.id})["id"])


def test_a_task_is_made_in_the_background_and_its_end_is_told(
    server: CvatServer, project: ProjectRef, half: int, make_spec: MakeSpec
):
    assert creation_state(server, half) == ("unknown", "")
    assert not read_task(server, half).get("size")
    send_images(server, half, make_spec(3))
    assert creation_state(server, half)[0] in {"queued", "started", "finished"}
    assert wait_for_creation(server, half, timeout_s=300) == ""
    assert creation_state(server, half) == ("finished", "")
    assert read_task(server, half)["size"] == 3


def test_one_damaged_image_fails_the_whole_task_and_says_why_in_a_line(
    server: CvatServer, half: int, make_spec: MakeSpec
):
    spec = make_spec(3)
    # Cut within the header: to make a task, CVAT reads no more than that of most formats.
    spec.images[1].path.write_bytes(spec.images[1].path.read_bytes()[:20])
    send_images(server, half, spec)
    reason = wait_for_creation(server, half, timeout_s=300)
    assert reason
    assert "\n" not in reason
    task = read_task(server, half)
    assert (task.get("size"), task["jobs"]["count"]) == (0, 0)
    remove_half_made(server, half)
    assert server.list_all("/api/tasks", "looking", filter=f'{{"==": [{{"var": "id"}}, {half}]}}') == []


def test_two_images_of_one_base_name_break_the_upload(server: CvatServer, half: int, make_spec: MakeSpec):
    first, second = make_spec(2).images
    twice = TaskSpec("k", "n", "", (first, replace(second, upload_name=first.upload_name)), 0, 95)
    with pytest.raises(CvatUnreachableError, match="500"):
        send_images(server, half, twice)
    assert not read_task(server, half).get("size")
    remove_half_made(server, half)


def test_an_upload_that_broke_off_is_replaced(server: CvatServer, project: ProjectRef, make_spec: MakeSpec):
    spec = make_spec(2)
    body = {"name": "broken off", "project_id": project.id, KEY_FIELD: f"labelloop:{spec.key}"}
    begun = int(server.write("POST", "/api/tasks", "making", body)["id"])
    server.upload(f"/api/tasks/{begun}/data/", "uploading", "Upload-Start")
    files = {"client_files[0]": (spec.images[0].upload_name, spec.images[0].path.read_bytes())}
    server.upload(f"/api/tasks/{begun}/data/", "uploading", "Upload-Multiple", {"image_quality": "95", **files})
    task = push_task(server, project, spec)
    assert [listed.task_id for listed in tasks_of_project(server, project.id)] == [task.task_id] != [begun]


def test_the_order_is_ours_and_not_that_of_the_names(server: CvatServer, project: ProjectRef, make_spec: MakeSpec):
    spec = make_spec(["img10.png", "B.png", "img2.png", "a.png", "img1.png"])
    task = push_task(server, project, spec)
    assert list(task.frame_of) == [image.upload_name for image in spec.images]


@pytest.mark.parametrize("together", [*ODD_NAMES, None], ids=[*map(ascii, ODD_NAMES), "all in one task"])
def test_a_frame_is_called_as_it_was_sent(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, together: str | None
):
    spec = make_spec([together] if together else ODD_NAMES)
    task = push_task(server, project, spec)
    known = {image.sample_id for image in spec.images}
    assert sample_ids_of(task.frame_of, known) == {image.upload_name: image.sample_id for image in spec.images}


def test_images_of_one_base_name_in_several_folders_stay_apart(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec
):
    spec = make_spec(["left/001.png", "right/001.png", "right/deeper/001.png"])
    task = push_task(server, project, spec)
    assert sorted(task.frame_of.values()) == [0, 1, 2]
    assert set(task.frame_of) == {image.upload_name for image in spec.images}


@pytest.mark.parametrize(
    ("size", "segment", "jobs"), [(5, 2, [(0, 1), (2, 3), (4, 4)]), (3, 0, [(0, 2)]), (3, 9, [(0, 2)])]
)
def test_jobs_cover_the_frames_in_order(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec, size: int, segment: int, jobs: list[tuple[int, int]]
):  # fmt: skip
    task = push_task(server, project, make_spec(size, segment_size=segment))
    assert [(job.start_frame, job.stop_frame) for job in jobs_of_task(server, task.task_id)] == jobs


def test_jobs_are_listed_newest_first_and_ours_by_frame(server: CvatServer, project: ProjectRef, make_spec: MakeSpec):
    task = push_task(server, project, make_spec(5))
    listed = server.get("/api/jobs", "listing jobs", task_id=task.task_id)["results"]
    assert [job["id"] for job in listed] == list(task.job_ids)[::-1]


def test_a_task_is_known_by_its_key_whatever_people_call_it(
    server: CvatServer, project: ProjectRef, make_spec: MakeSpec
):
    spec = make_spec(1, key="0f" * 32, name="Lauf & Größe 日本", subset="Prüfung")
    task = push_task(server, project, spec)
    server.write("PATCH", f"/api/tasks/{task.task_id}", "renaming", {"name": "for Kim", "subset": ""})
    assert task_key(read_task(server, task.task_id)) == spec.key
    assert push_task(server, project, spec).task_id == task.task_id


def test_a_subset_is_kept_as_written(server: CvatServer, project: ProjectRef, make_spec: MakeSpec):
    push_task(server, project, make_spec(1, subset="Prüfung 1"))
    assert [task.subset for task in tasks_of_project(server, project.id)] == ["Prüfung 1"]


def test_a_file_that_is_no_image_is_left_out_silently(
    server: CvatServer, project: ProjectRef, half: int, make_spec: MakeSpec, tmp_path: Path
):
    """So that what a task holds has to be read back."""
    (tmp_path / "notes.txt").write_text("not an image")
    spec = make_spec(1)
    notes = replace(spec.images[0], path=tmp_path / "notes.txt", upload_name="notes.txt")
    send_images(server, half, replace(spec, images=(*spec.images, notes)))
    assert wait_for_creation(server, half, timeout_s=300) == ""
    meta = server.get(f"/api/tasks/{half}/data/meta", "reading frames")
    assert [frame["name"] for frame in meta["frames"]] == [spec.images[0].upload_name]
