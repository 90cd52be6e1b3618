import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from labelloop.adapters.cvat.jobs import complete_job
from labelloop.adapters.cvat.names import sample_ids_of
from labelloop.adapters.cvat.projects import find_or_create_project, find_project
from labelloop.adapters.cvat.pull import tasks_of_project
from labelloop.adapters.cvat.push import KEY_FIELD, push_task, retire_task
from labelloop.core.errors import CvatError, LabelError, MissingStateError
from labelloop_tests.cvat_world import CLASSES


def frame_bytes(server, task_id: int, frame: int) -> bytes:
    into = io.BytesIO()
    query = {"type": "frame", "number": frame, "quality": "original"}
    server.download(f"/api/tasks/{task_id}/data/", "reading a frame", into, 1 << 20, **query)
    return into.getvalue()


def test_makes_a_task_of_the_images(server, project, make_spec):
    spec, seen = make_spec(5), []
    task = push_task(server, project, spec, on_progress=lambda done, total: seen.append((done, total)))
    assert (task.key, task.size, len(task.job_ids)) == (spec.key, 5, 3)
    assert task.url == f"{server.url}/tasks/{task.task_id}"
    assert task.name.startswith(spec.name)
    assert seen[-1] == (5, 5)
    [listed] = tasks_of_project(server, project.id)
    assert (listed.task_id, listed.key, listed.subset, listed.size) == (task.task_id, spec.key, "Train", 5)


def test_frames_keep_the_order_and_the_bytes_of_the_images(server, project, make_spec):
    spec = make_spec(["z.png", "a.png", "M.png", "img10.png", "img2.png"])
    task = push_task(server, project, spec)
    assert [task.frame_of[image.upload_name] for image in spec.images] == [0, 1, 2, 3, 4]
    for image in spec.images:
        assert frame_bytes(server, task.task_id, task.frame_of[image.upload_name]) == image.path.read_bytes()


def test_pushing_twice_is_one_task_and_writes_nothing(server, project, make_spec):
    spec = make_spec()
    first = push_task(server, project, spec)
    before = server.requests
    assert push_task(server, project, spec) == first
    assert server.requests - before <= 6
    assert len(tasks_of_project(server, project.id)) == 1


def test_a_task_renamed_by_people_and_half_done_is_found_again(server, project, make_spec):
    first = push_task(server, project, make_spec())
    server.write("PATCH", f"/api/tasks/{first.task_id}", "renaming", {"name": "for Kim, until Friday"})
    complete_job(server, first.job_ids[0])
    again = push_task(server, project, make_spec())
    assert again == replace(first, name="for Kim, until Friday")


def test_names_survive_the_journey_and_map_back(server, project, make_spec):
    paths = ["Straße 1.png", "cam left/001.png", "cam right/001.png", "50% #3 & co?.PNG", "日本語.jpg", "a.b.c.jpeg"]
    spec = make_spec(paths)
    task = push_task(server, project, spec)
    known = {image.sample_id for image in spec.images}
    assert sample_ids_of(task.frame_of, known) == {image.upload_name: image.sample_id for image in spec.images}


def test_two_keys_are_two_tasks(server, project, make_spec):
    first, second = push_task(server, project, make_spec(key="k1")), push_task(server, project, make_spec(key="k2"))
    assert first.task_id != second.task_id


def test_one_job_when_there_is_no_segment_size(server, project, make_spec):
    assert len(push_task(server, project, make_spec(5, segment_size=0)).job_ids) == 1


def test_a_task_without_images_is_removed_and_made_again(server, project, make_spec):
    spec = make_spec()
    body = {"name": "half", "project_id": project.id, KEY_FIELD: f"labelloop:{spec.key}"}
    half = server.write("POST", "/api/tasks", "making half a task", body)["id"]
    task = push_task(server, project, spec)
    assert [listed.task_id for listed in tasks_of_project(server, project.id)] == [task.task_id] != [half]


def test_a_damaged_image_leaves_no_task_behind(server, project, make_spec):
    spec = make_spec()
    spec.images[1].path.write_bytes(spec.images[1].path.read_bytes()[:60])
    with pytest.raises(CvatError, match=r"could not make task 'v0 of the test' of 3 images: \S+") as caught:
        push_task(server, project, spec)
    assert "Traceback" not in str(caught.value)
    assert tasks_of_project(server, project.id) == []


def test_other_images_under_the_key_are_named(server, project, make_spec):
    push_task(server, project, make_spec(["a.png", "b.png"]))
    with pytest.raises(CvatError, match=r"1 are missing \(c\..*1 are not ours \(b\."):
        push_task(server, project, make_spec(["a.png", "c.png"]))
    assert len(tasks_of_project(server, project.id)) == 1


@pytest.mark.parametrize("new", ["hound", "dog"], ids=["renamed", "made anew"])
def test_labels_that_are_others_than_the_batch_was_made_with_are_told_on_both_sides(server, project, make_spec, new):
    dog = project.label_ids["dog"]
    labels = [{"id": dog, "name": new}] if new != "dog" else [{"id": dog, "deleted": True}, {"name": "dog"}]
    server.write("PATCH", f"/api/projects/{project.id}", "changing a label", {"labels": labels})
    there = find_project(server, project.name).label_ids.get("dog", "none")
    assert there != dog
    told = rf"'dog' had id {dog} in project '{project.name}' and has {there} in the task\."
    with pytest.raises(CvatError, match=told):
        push_task(server, project, make_spec())
    assert len(tasks_of_project(server, project.id)) == 1
    now = find_or_create_project(server, project.name, CLASSES)
    assert push_task(server, now, make_spec()).size == 3


def test_two_whole_tasks_of_one_key_are_left_to_people(server, project, make_spec):
    first, second = push_task(server, project, make_spec(key="k1")), push_task(server, project, make_spec(key="k2"))
    body = {KEY_FIELD: "labelloop:k1"}
    server.write("PATCH", f"/api/tasks/{second.task_id}", "copying a key", body)
    with pytest.raises(CvatError, match=f"{first.task_id}, {second.task_id}"):
        push_task(server, project, make_spec(key="k1"))


def test_a_retired_task_is_kept_and_not_found_again(server, project, make_spec):
    first = push_task(server, project, make_spec())
    retire_task(server, first.task_id, "v0 (reset)")
    second = push_task(server, project, make_spec())
    assert second.task_id != first.task_id
    told = {task.task_id: (task.name, task.key, task.retired_key) for task in tasks_of_project(server, project.id)}
    assert told[first.task_id] == ("v0 (reset)", "", first.key)
    assert told[second.task_id] == (second.name, second.key, "")


def test_a_batch_in_several_requests(server, project, make_spec, monkeypatch):
    monkeypatch.setattr("labelloop.adapters.cvat.creation.MOST_FILES", 2)
    seen: list[tuple[int, int]] = []
    task = push_task(server, project, make_spec(5), on_progress=lambda *state: seen.append(state))
    assert (task.size, seen) == (5, [(2, 5), (4, 5), (5, 5)])


@pytest.mark.parametrize("change", ["twice", "folder", "none"])
def test_refuses_what_cvat_would_mix_up_before_anything_is_written(server, project, make_spec, change):
    spec = make_spec()
    first, *rest = spec.images
    images = {
        "twice": (first, replace(rest[0], upload_name=first.upload_name)),
        "folder": (replace(first, upload_name="k/x.png"),),
        "none": (),
    }[change]
    with pytest.raises(LabelError):
        push_task(server, project, replace(spec, images=images))
    assert tasks_of_project(server, project.id) == []


def test_an_image_that_is_gone_is_told_before_anything_is_written(server, project, make_spec):
    spec = make_spec()
    spec.images[2].path.unlink()
    with pytest.raises(MissingStateError, match=spec.images[2].sample_id):
        push_task(server, project, spec)
    assert tasks_of_project(server, project.id) == []


def test_a_long_name_fits(server, project, make_spec):
    task = push_task(server, project, make_spec(1, name="x" * 400))
    assert len(task.name) == 256
    assert task.name.endswith("[key-of-a]")


def test_a_rotated_jpeg_is_still_one_of_ours(server, project, make_spec, tmp_path: Path):
    spec = make_spec(["phone.jpg"])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48), "red").save(spec.images[0].path, exif=exif)
    assert push_task(server, project, spec).size == 1
