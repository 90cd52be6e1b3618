from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.cvat.jobs import complete_job, delete_frames, put_job_annotations, rectangle, reopen_job
from labelloop.adapters.cvat.pull import content, progress
from labelloop.adapters.cvat.push import push_task
from labelloop.core.errors import CvatError, LabelError
from labelloop.sandbox.annotator import TRUTH_COLUMNS, HiddenTruth, annotate_open_tasks, flawed_boxes
from labelloop.settings.model import AnnotatorSettings
from labelloop_tests.cvat_world import access, make_spec, project, project_name, server

__all__ = ["access", "make_spec", "project", "project_name", "server"]

FLAWLESS = AnnotatorSettings()
ALL_RATES = AnnotatorSettings(wrong_class=0.2, missing=0.1, shifted=0.3)


def truth_of(spec, boxes_per_image: int = 2) -> HiddenTruth:
    """Boxes for every image but the last, which is empty."""
    rows = [
        (image.sample_id, "cat" if i % 2 else "dog", 4.0 + i, 5.0 + number, 20.5 + i, 25.25 + number)
        for number, image in enumerate(spec.images[:-1])
        for i in range(boxes_per_image)
    ]
    return HiddenTruth(pd.DataFrame(rows, columns=TRUTH_COLUMNS), frozenset(image.sample_id for image in spec.images))


def many_boxes(number: int = 2000) -> pd.DataFrame:
    random = np.random.default_rng(0)
    corners = random.uniform(0, 300, (number, 2))
    boxes = np.hstack([corners, corners + random.uniform(10, 80, (number, 2))])
    frame = pd.DataFrame(boxes, columns=["x1", "y1", "x2", "y2"])
    return frame.assign(sample_id="s", label=random.choice(["cat", "dog"], number))[TRUTH_COLUMNS]


def drawn(server, task_id: int) -> dict[str, list[tuple]]:
    frames = content(server, task_id).frames
    return {frame.name: [(shape["label"], *shape["points"]) for shape in frame.shapes] for frame in frames}


@pytest.fixture
def work(server, project, make_spec) -> SimpleNamespace:
    """A task of five images in three jobs, and the truth about it."""
    spec = make_spec(5)
    task = push_task(server, project, spec)
    return SimpleNamespace(spec=spec, task=task, truth=truth_of(spec), name=project.name)


def test_completes_every_open_job_from_the_truth(server, work):
    told = []
    done = annotate_open_tasks(server, work.name, work.truth, FLAWLESS, 51, on_task=told.append)
    assert done == told
    [summary] = done
    assert (summary.task_id, summary.jobs, summary.images, summary.boxes) == (work.task.task_id, 3, 5, 8)
    assert progress(server, [work.task.task_id])[0].completed
    expected = {
        image.upload_name: [
            (row.label, row.x1, row.y1, row.x2, row.y2)
            for row in work.truth.boxes.itertuples()
            if row.sample_id == image.sample_id
        ]
        for image in work.spec.images
    }
    assert {name: sorted(boxes) for name, boxes in drawn(server, work.task.task_id).items()} == {
        name: sorted(boxes) for name, boxes in expected.items()
    }


def test_a_second_round_finds_nothing_to_do(server, work):
    annotate_open_tasks(server, work.name, work.truth, FLAWLESS, 51)
    before = content(server, work.task.task_id)
    assert annotate_open_tasks(server, work.name, work.truth, FLAWLESS, 51) == []
    assert content(server, work.task.task_id) == before


def test_a_completed_job_is_left_alone_and_a_begun_one_is_done_again(server, project, work):
    first, second, _ = work.task.job_ids
    strange = rectangle(project.label_ids["dog"], 0, (1, 1, 9, 9))
    put_job_annotations(server, first, [strange])
    complete_job(server, first)
    put_job_annotations(server, second, [{**strange, "frame": 2}])
    [summary] = annotate_open_tasks(server, work.name, work.truth, FLAWLESS, 51)
    assert summary.jobs == 2
    frames = content(server, work.task.task_id).frames
    assert [len(frame.shapes) for frame in frames] == [1, 0, 2, 2, 0]


def test_a_deleted_frame_is_not_annotated(server, work):
    delete_frames(server, work.task.task_id, [0])
    [summary] = annotate_open_tasks(server, work.name, work.truth, FLAWLESS, 51)
    assert (summary.images, summary.boxes) == (4, 6)


def test_nothing_is_drawn_outside_the_image(server, project, make_spec):
    spec = make_spec(2)
    task = push_task(server, project, spec)
    wide = pd.DataFrame([(spec.images[0].sample_id, "cat", -3.0, 0.0, 70.0, 50.0)], columns=TRUTH_COLUMNS)
    truth = HiddenTruth(wide, frozenset(image.sample_id for image in spec.images))
    annotate_open_tasks(server, project.name, truth, FLAWLESS, 51)
    assert drawn(server, task.task_id)[spec.images[0].upload_name] == [("cat", 0.0, 0.0, 64.0, 48.0)]


def test_an_unknown_frame_is_named_and_nothing_is_completed(server, work):
    known = HiddenTruth(work.truth.boxes, work.truth.sample_ids - {work.spec.images[3].sample_id})
    with pytest.raises(LabelError, match=work.spec.images[3].upload_name):
        annotate_open_tasks(server, work.name, known, FLAWLESS, 51)
    assert progress(server, [work.task.task_id])[0].jobs_completed == 0


def test_a_class_that_the_project_lacks_is_named(server, work):
    strange = HiddenTruth(work.truth.boxes.assign(label="zebra"), work.truth.sample_ids)
    with pytest.raises(LabelError, match="zebra"):
        annotate_open_tasks(server, work.name, strange, FLAWLESS, 51)


def test_an_unknown_project_is_an_error(server, work):
    with pytest.raises(CvatError, match="no project"):
        annotate_open_tasks(server, work.name + "?", work.truth, FLAWLESS, 51)


def test_the_same_image_gets_the_same_flaws_in_any_task_and_order(server, project, make_spec):
    names = ["a.png", "b.png", "c.png"]
    forth, back = make_spec(names, key="forth"), make_spec(names[::-1], key="back", segment_size=0)
    truth = truth_of(forth, boxes_per_image=9)
    mixed = HiddenTruth(truth.boxes.sample(frac=1, random_state=3), truth.sample_ids)
    first, second = push_task(server, project, forth), push_task(server, project, back)
    complete_job(server, second.job_ids[0])
    annotate_open_tasks(server, project.name, truth, ALL_RATES, 51)
    reopen_job(server, second.job_ids[0])
    annotate_open_tasks(server, project.name, mixed, ALL_RATES, 51)
    assert drawn(server, first.task_id) == drawn(server, second.task_id)
    assert sum(map(len, drawn(server, first.task_id).values())) < 18


def test_flawless_annotators_draw_the_truth():
    boxes = many_boxes(50)
    answers = flawed_boxes(boxes, ["cat", "dog"], FLAWLESS, 51, "s")
    assert sorted((label, *box) for label, box in answers) == sorted(
        boxes[["label", "x1", "y1", "x2", "y2"]].itertuples(index=False, name=None)
    )


def test_errors_come_at_their_rates():
    boxes = many_boxes()
    size = len(boxes)
    missing = flawed_boxes(boxes, ["cat", "dog"], AnnotatorSettings(missing=0.1), 51, "s")
    assert len(missing) / size == pytest.approx(0.9, abs=0.02)
    true = flawed_boxes(boxes, ["cat", "dog"], FLAWLESS, 51, "s")
    wrong = flawed_boxes(boxes, ["cat", "dog", "cow"], AnnotatorSettings(wrong_class=0.2), 51, "s")
    changed = [other for (label, _), (other, _) in zip(true, wrong, strict=True) if other != label]
    assert len(changed) / size == pytest.approx(0.2, abs=0.03)
    assert set(changed) == {"cat", "dog", "cow"}
    assert [box for _, box in wrong] == [box for _, box in true]


def test_a_shifted_box_keeps_its_size_and_moves_by_a_quarter_of_it():
    boxes = many_boxes()
    true = np.array([box for _, box in flawed_boxes(boxes, ["cat"], FLAWLESS, 51, "s")])
    moved = np.array([box for _, box in flawed_boxes(boxes, ["cat"], AnnotatorSettings(shifted=0.3), 51, "s")])
    size = true[:, 2:] - true[:, :2]
    step = (moved - true)[:, :2] / size
    assert np.allclose(moved[:, 2:] - moved[:, :2], size)
    assert np.abs(step).sum(axis=1).round(9).tolist().count(0.25) / len(true) == pytest.approx(0.3, abs=0.03)
    assert {tuple(row) for row in step.round(6).tolist()} == {(0, 0), (0.25, 0), (-0.25, 0), (0, 0.25), (0, -0.25)}


def test_one_class_cannot_be_taken_for_another():
    answers = flawed_boxes(many_boxes(50).assign(label="cat"), ["cat"], AnnotatorSettings(wrong_class=1.0), 51, "s")
    assert {label for label, _ in answers} == {"cat"}


def test_the_flaws_depend_on_the_seed_and_the_image():
    boxes = many_boxes(50)
    answers = [
        flawed_boxes(boxes, ["cat", "dog"], ALL_RATES, seed, sample) for seed, sample in ((1, "s"), (2, "s"), (1, "t"))
    ]
    assert flawed_boxes(boxes[::-1], ["cat", "dog"], ALL_RATES, 1, "s") == answers[0]
    assert answers[0] != answers[1]
    assert answers[0] != answers[2]
