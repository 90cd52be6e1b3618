"""What is expected of an image that nobody touched is what the database gives back, to the last digit that counts."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort

from labelloop.adapters.fiftyone.edits import boxes_as_shown, read_samples, show_just
from labelloop.adapters.fiftyone.evaluation import show_evaluation
from labelloop.adapters.fiftyone.shapes import as_shown, show_shapes
from labelloop.core.as_left import state
from labelloop.core.carried import attributes_said
from labelloop.core.shape_labels import shape_labels
from labelloop.core.vocabulary import SHAPE_FIELDS, Field
from labelloop_tests.core.test_edited import EFFORT, NAMES, as_content
from labelloop_tests.drawings import contents

IDS = sorted(NAMES.values())
SAMPLES = pd.DataFrame({"sample_id": IDS, "width": 640, "height": 480})


@pytest.fixture
def four(loop):
    loop.add_samples(SAMPLES, {sample_id: f"/nowhere/{sample_id}.jpg" for sample_id in IDS})
    return loop


@pytest.mark.slow
@effort(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], **EFFORT)
@given(drawn=contents())
def test_whatever_people_can_draw_is_as_it_was_expected_when_nobody_touched_it(four, drawn):
    content = as_content(drawn)
    labels = shape_labels([content], NAMES)
    show_shapes(four, labels, IDS)
    said = {name for _, name in attributes_said(content)}
    found = [label for each in read_samples(four, IDS, said).values() for label in each.labels]
    assert state(found, IDS, SHAPE_FIELDS) == state(as_shown(labels, said), IDS, SHAPE_FIELDS)


@pytest.mark.slow
def test_boxes_are_as_they_were_expected_whatever_an_evaluation_wrote_into_them(four):
    rows = [("s0", "cat", 1.1, 2.2, 30.3, 40.4, 5, 7, 1), ("s1", "dog", 0.1, 0.2, 639.9, 479.9, 6, 8, 1)]
    columns = ["sample_id", "label", "x1", "y1", "x2", "y2", "shape_id", "job_id", "task_id"]
    boxes = pd.DataFrame(rows, columns=columns)
    four.set_boxes(Field.HUMAN_LABELS, boxes, SAMPLES, IDS)
    sample = four.dataset.match({"sample_id": "s0"}).first()
    sample["human_labels"].detections[0]["eval_v0"] = "tp"
    sample.save()
    read = read_samples(four, [*IDS, "nowhere"], {"note"})
    found = [label for each in read.values() for label in each.labels]
    assert state(found, IDS, [Field.HUMAN_LABELS]) == state(
        boxes_as_shown(boxes, SAMPLES, IDS), IDS, [Field.HUMAN_LABELS]
    )
    assert [label.key for label in found] == [(1, "rectangle", 5), (1, "rectangle", 6)]
    assert sorted(read) == IDS
    sample["human_labels"].detections[0]["note"] = "seen"
    sample.save()
    [label] = read_samples(four, ["s0"], {"note"})["s0"].labels
    assert label.said == {"note": "seen"}


def redraw(sample):
    sample["human_labels"].detections[0].bounding_box = [0.25, 0.25, 0.5, 0.5]


def rename(sample):
    sample["human_labels"].detections[0].label = "dog"


def say_more(sample):
    sample["human_labels"].detections[0]["note"] = "seen"


def take_away(sample):
    sample["human_labels"].detections.pop()


def add_another(sample):
    box = sample["human_labels"].detections[0]
    sample["human_labels"].detections.append(type(box)(label="cat", bounding_box=[0.1, 0.1, 0.2, 0.2]))


def clear(sample):
    sample["human_labels"] = None


def tag(sample):
    import fiftyone as fo  # noqa: PLC0415  only after the database is known

    sample["human_tags"] = fo.Classifications(classifications=[fo.Classification(label="cat")])


def outline(sample):
    import fiftyone as fo  # noqa: PLC0415

    line = fo.Polyline(label="cat", points=[[(0.1, 0.1), (0.2, 0.2), (0.1, 0.3)]])
    sample["human_polylines"] = fo.Polylines(polylines=[line])


@pytest.mark.slow
def test_only_samples_that_show_just_their_boxes_are_known_to_be_untouched(four):
    boxes = pd.DataFrame(
        [("s0", "cat", 1.1, 2.2, 30.3, 40.4, 5, 7, 1), ("s1", "dog", 0.1, 0.2, 639.9, 479.9, 6, 8, 1)],
        columns=["sample_id", "label", "x1", "y1", "x2", "y2", "shape_id", "job_id", "task_id"],
    )

    def known():
        return sorted(show_just(four, boxes, SAMPLES, IDS))

    assert known() == []
    four.set_boxes(Field.HUMAN_LABELS, boxes, SAMPLES, IDS)
    four.set_boxes("predictions_v0", boxes.assign(score=0.5), SAMPLES, IDS)
    show_evaluation(four, "v0", IDS, 0.5)
    assert known() == IDS
    for change in (redraw, rename, say_more, take_away, add_another, clear, tag, outline):
        sample = four.dataset.match({"sample_id": "s0"}).first()
        change(sample)
        sample.save()
        assert known() == IDS[1:], change.__name__
        for field in filter(four.dataset.has_field, ("human_tags", "human_polylines")):
            four.dataset.clear_sample_field(field)
        four.set_boxes(Field.HUMAN_LABELS, boxes, SAMPLES, ["s0"])
        show_evaluation(four, "v0", IDS, 0.5)
        assert known() == IDS
