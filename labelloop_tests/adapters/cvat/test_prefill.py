import pytest

from labelloop.adapters.cvat.jobs import complete_job, jobs_of_task, put_job_annotations, rectangle, reopen_job
from labelloop.adapters.cvat.prefill import can_carry, prefill
from labelloop.adapters.cvat.pull import content
from labelloop.adapters.cvat.push import push_task

BOX = {"type": "rectangle", "label": "cat", "points": [1.0, 2.0, 30.0, 40.0], "occluded": True, "id": 9, "frame": 77}
POLYGON = {"type": "polygon", "label": "dog", "points": [1.0, 1.0, 9.0, 1.0, 9.0, 9.0], "source": "manual"}


@pytest.fixture
def task(server, project, make_spec):
    """Three images in jobs of two and one, and what is known about the first and the last."""
    spec = make_spec()
    first, _, last = (image.upload_name for image in spec.images)
    return push_task(server, project, spec), {first: [BOX, POLYGON], last: [BOX]}


def drawn(server, task_id):
    frames = content(server, task_id).frames
    return {
        frame.name: [(shape["type"], shape["label"], shape["points"]) for shape in frame.shapes] for frame in frames
    }


def test_what_is_known_is_drawn_once_in_whatever_job_its_image_is(server, project, task):
    ref, known = task
    assert prefill(server, ref.task_id, known, project.label_ids) == 3
    there = drawn(server, ref.task_id)
    assert {name: len(shapes) for name, shapes in there.items() if shapes} == {n: len(s) for n, s in known.items()}
    assert ("polygon", "dog", POLYGON["points"]) in there[next(iter(known))]
    assert content(server, ref.task_id).frames[0].shapes[0]["occluded"] is True
    assert prefill(server, ref.task_id, known, project.label_ids) == 0
    assert drawn(server, ref.task_id) == there


def test_a_job_that_somebody_began_or_finished_is_left_alone(server, project, task):
    ref, known = task
    first, second = jobs_of_task(server, ref.task_id)
    put_job_annotations(server, first.job_id, [rectangle(project.label_ids["dog"], 1, (5, 5, 9, 9))])
    complete_job(server, second.job_id)
    assert prefill(server, ref.task_id, known, project.label_ids) == 0
    reopen_job(server, second.job_id)  # taken up again and emptied: that is what somebody wanted
    assert prefill(server, ref.task_id, known, project.label_ids) == 0


def test_what_has_parts_or_an_unknown_label_cannot_be_drawn_again(project):
    shapes = [BOX, {**BOX, "label": "zebra"}, {**BOX, "elements": [BOX]}]
    assert [can_carry(shape, project.label_ids) for shape in shapes] == [True, False, False]
