import contextlib
import itertools
from types import SimpleNamespace

import pytest

from labelloop.adapters.cvat.jobs import (
    change_shapes,
    complete_job,
    jobs_of_task,
    put_job_annotations,
    rectangle,
    reopen_job,
)
from labelloop.adapters.cvat.prefill import can_carry, fill, prefill, proposals, score_specs
from labelloop.adapters.cvat.pull import content
from labelloop.adapters.cvat.push import push_task
from labelloop.core.errors import CvatUnreachableError
from labelloop_tests.adapters.cvat.doubles import Cut, lossy_server

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
    assert sum(job.drawn for job in prefill(server, ref.task_id, known, project.label_ids)) == 3
    there = drawn(server, ref.task_id)
    assert {name: len(shapes) for name, shapes in there.items() if shapes} == {n: len(s) for n, s in known.items()}
    assert ("polygon", "dog", POLYGON["points"]) in there[next(iter(known))]
    assert content(server, ref.task_id).frames[0].shapes[0]["occluded"] is True
    assert sum(job.drawn for job in prefill(server, ref.task_id, known, project.label_ids)) == 0
    assert drawn(server, ref.task_id) == there


def test_a_job_that_somebody_began_or_finished_is_left_alone(server, project, task):
    ref, known = task
    first, second = jobs_of_task(server, ref.task_id)
    put_job_annotations(server, first.job_id, [rectangle(project.label_ids["dog"], 1, (5, 5, 9, 9))])
    complete_job(server, second.job_id)
    assert sum(job.drawn for job in prefill(server, ref.task_id, known, project.label_ids)) == 0
    reopen_job(server, second.job_id)  # taken up again and emptied: that is what somebody wanted
    assert sum(job.drawn for job in prefill(server, ref.task_id, known, project.label_ids)) == 0


def test_what_has_parts_or_an_unknown_label_cannot_be_drawn_again(project):
    shapes = [BOX, {**BOX, "label": "zebra"}, {**BOX, "elements": [BOX]}]
    assert [can_carry(shape, project.label_ids) for shape in shapes] == [True, False, False]


def proposed(label="cat", score=0.8642, points=(1.0, 2.0, 30.0, 40.0)):
    return SimpleNamespace(label=label, score=score, **dict(zip(("x1", "y1", "x2", "y2"), points, strict=True)))


def number(*values):
    return {"id": 3, "input_type": "number", "values": list(values)}


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"id": 3, "input_type": "text", "values": [""]}, "0.86"),
        (number("0", "1", "0.01"), "0.86"),
        (number("0", "1", "0.25"), "0.75"),
        (number("0", "100", "1"), "86"),
        (number("0", "100", "5"), "85"),
        (number("90", "100", "1"), "90"),
        (number("0", "0.5", "0.1"), "0.5"),
    ],
)
def test_a_score_is_told_as_the_attribute_takes_it(spec, value):
    (shape,) = proposals([proposed()], {"cat": 5}, {"cat": spec})
    assert shape["attributes"] == [{"spec_id": 3, "value": value}]
    assert (shape["source"], shape["label_id"], shape["points"]) == ("auto", 5, [1.0, 2.0, 30.0, 40.0])


def test_a_label_without_an_attribute_for_it_takes_the_box_alone():
    (shape,) = proposals([proposed()], {"cat": 5}, {})
    assert "attributes" not in shape


def test_the_attributes_that_take_a_score_are_found_by_name_and_type(server, project):
    attributes = [
        {"name": "colour", "mutable": False, "input_type": "text", "default_value": "", "values": [""]},
        {"name": "Score", "mutable": False, "input_type": "number", "default_value": "0", "values": ["0", "100", "1"]},
    ]
    choice = {
        "name": "confidence",
        "mutable": False,
        "input_type": "select",
        "default_value": "a",
        "values": ["a", "b"],
    }
    labels = [{"name": "scored", "attributes": attributes}, {"name": "chosen", "attributes": [choice]}]
    server.write("PATCH", f"/api/projects/{project.id}", "adding labels", {"labels": labels})
    specs = score_specs(server, project.id)
    assert {label: spec["name"] for label, spec in specs.items()} == {"scored": "Score"}


def test_what_a_model_proposes_is_automatic_and_known_by_its_id(server, project, task):
    ref, known = task
    first, last = known
    meant = {
        first: proposals([proposed(), proposed("dog", points=(5, 5, 9, 9))], project.label_ids, {}),
        last: proposals([proposed()], project.label_ids, {}),
    }
    filled = fill(server, ref.task_id, meant)
    assert [(job.names, job.written, job.is_ours) for job in filled] == [
        ((first, first), True, True),
        ((last,), True, True),
    ]
    there = {shape["id"]: shape for frame in content(server, ref.task_id).frames for shape in frame.shapes}
    ids = [shape_id for job in filled for shape_id in job.shape_ids()]
    assert [(there[i]["label"], there[i]["source"]) for i in ids] == [("cat", "auto"), ("dog", "auto"), ("cat", "auto")]
    again = fill(server, ref.task_id, meant)
    assert not any(job.written for job in again)
    assert [shape_id for job in again for shape_id in job.shape_ids()] == ids  # as after a run that broke off
    assert len(there) == 3


def test_of_a_job_that_was_begun_it_is_told_whose_boxes_are_in_it(server, project, task):
    ref, known = task
    meant = {name: proposals([proposed()], project.label_ids, {}) for name in known}
    first, second = jobs_of_task(server, ref.task_id)
    put_job_annotations(server, second.job_id, [rectangle(project.label_ids["dog"], 2, (5, 5, 9, 9))])
    fill(server, ref.task_id, {next(iter(known)): meant[next(iter(known))]})
    (box,) = content(server, ref.task_id).frames[0].shapes
    change_shapes(server, first.job_id, "update", [{**box, "points": [1.0, 2.0, 33.0, 44.0], "source": "semi-auto"}])
    corrected, drawn_by_hand = fill(server, ref.task_id, meant)
    assert (corrected.written, corrected.is_ours, corrected.shape_ids()) == (False, True, [None])
    assert (drawn_by_hand.written, drawn_by_hand.is_ours, drawn_by_hand.shape_ids()) == (False, False, [None])


REQUESTS = 8  # of filling two jobs: frames, jobs, and for each job a look, a write, and reading back
CUTS = {"answer lost": Cut(for_good=True), "request lost": Cut(after_commit=False, for_good=True)}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
@pytest.mark.parametrize("n", range(REQUESTS))
def test_wherever_it_is_cut_off_everything_is_drawn_once_by_the_next(access, server, project, task, n, cut):
    ref, known = task
    meant = {name: proposals([proposed()], project.label_ids, {}) for name in known}
    count = itertools.count()
    lossy, pool = lossy_server(access, lambda *_: next(count) == n, cut)
    with contextlib.suppress(CvatUnreachableError):
        fill(lossy, ref.task_id, meant)
    assert pool.broken
    ids = [shape_id for job in fill(server, ref.task_id, meant) for shape_id in job.shape_ids()]
    assert ids == [shape["id"] for frame in content(server, ref.task_id).frames for shape in frame.shapes]
    assert len(ids) == len(known)
