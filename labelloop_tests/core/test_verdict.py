import pandas as pd
import pytest

from labelloop.core.label_version import project
from labelloop.core.quality import Agreement
from labelloop.core.schema import Schema
from labelloop.core.verdict import FINDINGS, Limits, judge
from labelloop_tests.core.builders import frame, shape, task

SCHEMA = Schema.first(["cat", "dog"])
LIMITS = Limits(max_bad_box_share=0.2, max_class_drift=0.5, min_golden_agreement=0.9)
AGREED = Agreement(images=2, matched=4, same_class=4, missing=0, extra=0, mean_iou=0.9)
BLOCKING = {
    "labels_cover_the_batch", "every_class_is_in_the_schema", "no_held_out_image_in_the_batch", "few_boxes_are_bad",
}  # fmt: skip


def row_of(count, start=1, label="cat"):
    """Boxes beside each other."""
    return [shape(number, label, (40 * number, 10, 40 * number + 30, 40)) for number in range(start, start + count)]


def sent(*rows):
    return pd.DataFrame([(name, *source, "coverage")[:2] for name, *source in rows], columns=["sample_id", "source"])


def judged(shapes=None, *, manifest=(("s1",),), held_out=(), past=None, golden=None, limits=LIMITS, deleted=False):
    frames = [frame(0, "s1.jpg", *(row_of(4) if shapes is None else shapes), deleted=deleted)]
    version = project([task(*frames)], {"s1.jpg": "s1"}, SCHEMA)
    past = pd.Series(past or {}, dtype=int)
    return {finding.name: finding for finding in judge(version, sent(*manifest), held_out, past, golden, limits)}


def failed(findings):
    return {name for name, finding in findings.items() if not finding.passed}


def test_an_empty_batch_that_nobody_labelled_has_nothing_wrong():
    findings = judge(project([], {}, SCHEMA), sent(), set(), pd.Series(dtype=int), None, LIMITS)
    assert [finding.name for finding in findings] == list(FINDINGS)
    assert all(finding.passed for finding in findings)


def test_a_good_batch_has_nothing_wrong():
    findings = judged(held_out={"s9"}, past={"cat": 7, "dog": 3}, golden=AGREED)
    assert failed(findings) == set()
    assert {name for name, finding in findings.items() if finding.blocking} == BLOCKING


@pytest.mark.parametrize(
    ("changes", "wrong", "said", "figure"),
    [
        (
            {"manifest": [("s1",), ("s3",), ("s2",)]}, {"labels_cover_the_batch"},
            "2 images came back without a frame: s2, s3", 2,
        ),
        (
            {"manifest": [("s1",), *((f"t{number}",) for number in range(7))]}, {"labels_cover_the_batch"},
            "7 images came back without a frame: t0, t1, t2, t3, t4, …", 7,
        ),
        (
            {"shapes": [*row_of(4), shape(9, "zebra"), shape(10, "Cat")]}, {"every_class_is_in_the_schema"},
            "2 shapes of unknown classes: Cat, zebra", 2,
        ),
        (
            {"held_out": {"s1"}}, {"no_held_out_image_in_the_batch"},
            "1 held-out images were selected: s1", 1,
        ),
        (
            {"shapes": [*row_of(4), shape(9, points=(5, 5, 5, 9)), shape(10, points=(0, 0, 900, 9))]},
            {"few_boxes_are_bad", "every_box_is_good"}, "33.3% of the boxes are bad, 20.0% may", 1 / 3,
        ),
        (
            {"shapes": [*row_of(4), shape(9, "cat", (41, 10, 71, 40))]}, {"every_box_is_good"},
            "1 boxes set aside: 1 same box drawn twice", 1,
        ),
        (
            {"past": {"dog": 10}}, {"classes_are_as_before"},
            "class shares moved by 1.00 against the batches before", 1,
        ),
        (
            {"golden": Agreement(3, 8, 7, 1, 1, 0.8)}, {"golden_images_agree"},
            "70% of the objects on 3 golden images agree with their first labels", 0.7,
        ),
    ],
    ids=lambda value: ", ".join(sorted(value)) if isinstance(value, set) else "",
)  # fmt: skip
def test_a_planted_violation_fails_its_finding_and_no_other(changes, wrong, said, figure):
    findings = judged(**changes)
    assert failed(findings) == wrong
    assert said in [findings[name].detail for name in wrong]
    assert pytest.approx(figure) in [findings[name].figure for name in wrong]


@pytest.mark.parametrize(
    "changes",
    [
        {"manifest": [("s1", "golden")], "held_out": {"s1"}},
        {"deleted": True},
        {"shapes": []},
        {"shapes": [*row_of(4), shape(9, points=(5, 5, 5, 9))], "limits": Limits(0.2, 1, 0)},
        {"past": {"cat": 1, "dog": 1}},
        {"golden": Agreement(1, 10, 9, 0, 0, 0.9)},
        {"golden": Agreement(1, 0, 0, 0, 0, float("nan"))},
    ],
    ids=[
        "golden on purpose", "removed in CVAT", "found empty", "share at the limit", "drift at the limit",
        "agreement at the limit", "both found nothing",
    ],
)  # fmt: skip
def test_what_is_allowed_blocks_nothing(changes):
    assert failed(judged(**changes)) <= {"every_box_is_good"}


def test_without_golden_images_there_is_nothing_to_disagree_about():
    assert judged()["golden_images_agree"].detail == "no golden image was hidden in the batch"


def test_findings_are_plain_values_that_can_be_stored():
    for finding in judged(past={"dog": 1}).values():
        assert (type(finding.passed), type(finding.figure)) == (bool, float)
