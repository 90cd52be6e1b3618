import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.fiftyone.evaluation import draw_first, show_evaluation, show_failures, show_predictions
from labelloop.core.vocabulary import Field
from labelloop_tests.core.builders import labels, predictions

IDS = ["s0", "s1", "s2", "s3"]
SAMPLES = pd.DataFrame({"sample_id": IDS, "width": 640, "height": 480})
VAL = ["s0", "s1", "s2"]
TRUTH = labels(("s0", "cat", 10, 10, 100, 100), ("s0", "dog", 200, 200, 300, 300), ("s1", "cat", 10, 10, 100, 100))
FIRST = predictions(("s0", "cat", 12, 12, 100, 100, 0.9), ("s2", "dog", 5, 5, 50, 50, 0.8))
SECOND = predictions(
    ("s0", "cat", 10, 10, 100, 100, 0.9), ("s0", "dog", 200, 200, 300, 300, 0.9), ("s1", "dog", 10, 10, 100, 100, 0.9)
)
OBJECTS = (Field.HUMAN_LABELS, "predictions_v0")


@pytest.fixture
def labelled(loop):
    """Four images, of which three are labelled and one of those is empty."""
    loop.add_samples(SAMPLES, {name: f"/images/{name}.jpg" for name in IDS})
    loop.show_labels("holdout", TRUTH, SAMPLES, VAL)
    return loop


def evaluated(loop, iteration, found):
    show_predictions(loop, iteration, found, SAMPLES, VAL)
    counts = show_evaluation(loop, iteration, VAL, iou=0.5)
    return {row.sample_id: (row.tp, row.fp, row.fn) for row in counts.itertuples()}


def patches(loop, key):
    return sorted(patch.type for patch in loop.dataset.to_evaluation_patches(key))


def having(loop, tag):
    return sorted(loop.dataset.match_tags(tag).values(Field.SAMPLE_ID))


def in_view(loop, name):
    return sorted(loop.dataset.load_saved_view(name).values(Field.SAMPLE_ID))


def test_hits_and_misses_are_counted_by_image(labelled):
    assert evaluated(labelled, "v0", predictions()) == {"s0": (0, 0, 2), "s1": (0, 0, 1), "s2": (0, 0, 0)}
    assert evaluated(labelled, "v1", FIRST) == {"s0": (1, 0, 1), "s1": (0, 0, 1), "s2": (0, 1, 0)}
    assert evaluated(labelled, "v2", SECOND) == {"s0": (2, 0, 0), "s1": (0, 1, 1), "s2": (0, 0, 0)}


def crowded(seed):
    """Boxes of two classes, drawn and predicted: some found, some missed, some doubled, some of the wrong class."""
    rng = np.random.default_rng(seed)
    drawn, found = [], []
    for sample_id in VAL:
        for x, y in rng.uniform(0, 400, (25, 2)):
            label = ("cat", "dog")[int(rng.integers(2))]
            drawn.append((sample_id, label, x, y, x + 60, y + 50))
            for _ in range(int(rng.integers(3))):
                left, top = np.array([x, y]) + rng.normal(0, 8, 2).clip(-20, 20)
                guess = label if rng.random() < 0.8 else "dog"
                found.append((sample_id, guess, max(left, 0), max(top, 0), left + 60, top + 50, rng.uniform(0.05, 1)))
    return labels(*drawn), predictions(*found)


def stored(dataset):
    """What an evaluation left on the objects and in its results; overlaps to nine digits."""
    objects = [f"{field}.detections.eval_v0{end}" for field in OBJECTS for end in ("", "_id")]
    overlaps = [
        [at and round(at, 9) for at in image or ()]
        for field in OBJECTS
        for image in dataset.values(f"{field}.detections.eval_v0_iou")
    ]
    counts = [dataset.values(f"eval_v0_{outcome}") for outcome in ("tp", "fp", "fn")]
    results = dataset.load_evaluation_results("eval_v0")
    rows = sorted(
        zip(results.ytrue_ids, results.ypred_ids, results.ytrue, results.ypred, results.confs, strict=True), key=str
    )
    return dataset.values(objects), overlaps, counts, rows, results.metrics()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_stored_is_what_fiftyone_stores_by_itself(loop, seed):
    drawn, found = crowded(seed)
    loop.add_samples(SAMPLES, {name: f"/images/{name}.jpg" for name in IDS})
    loop.show_labels("holdout", drawn, SAMPLES, VAL)
    evaluated(loop, "v0", found)
    ours = stored(loop.dataset)
    loop.dataset.delete_evaluation("eval_v0")
    loop.view_of(VAL).evaluate_detections(
        "predictions_v0", gt_field=Field.HUMAN_LABELS, eval_key="eval_v0", iou=0.5, progress=False
    )
    assert ours == stored(loop.dataset)


def test_an_earlier_evaluation_still_works_after_a_later_one(labelled):
    """Defect (f) of the published guides: every iteration overwrote the predictions that the last one was about."""
    evaluated(labelled, "v0", FIRST)
    before = patches(labelled, "eval_v0")
    evaluated(labelled, "v1", SECOND)
    assert labelled.dataset.list_evaluations() == ["eval_v0", "eval_v1"]
    assert patches(labelled, "eval_v0") == before == ["fn", "fn", "fp", "tp"]
    assert patches(labelled, "eval_v1") == ["fn", "fp", "tp", "tp"]
    stored = [len(each.detections) for each in labelled.dataset.limit(3).values("predictions_v0")]
    assert stored == [1, 0, 1]
    assert labelled.dataset.values("predictions_v0")[3] is None


def test_an_iteration_evaluated_again_has_one_evaluation_with_the_new_counts(labelled):
    evaluated(labelled, "v0", FIRST)
    assert evaluated(labelled, "v0", SECOND)["s0"] == (2, 0, 0)
    assert labelled.dataset.list_evaluations() == ["eval_v0"]


def test_predictions_never_touch_what_people_drew(labelled):
    before = [each and each.to_dict() for each in labelled.dataset.values(Field.HUMAN_LABELS)]
    show_predictions(labelled, "v0", FIRST, SAMPLES, IDS)
    assert [each and each.to_dict() for each in labelled.dataset.values(Field.HUMAN_LABELS)] == before


def test_failures_are_tagged_on_the_given_images_alone_and_replaced_when_shown_again(labelled):
    show_failures(labelled, "v0", {"fn": ["s0", "s1"], "fp": ["s1", "s2"]})
    assert (having(labelled, "failure:high_fn:v0"), having(labelled, "failure:high_fp:v0")) == (
        ["s0", "s1"], ["s1", "s2"],
    )  # fmt: skip
    assert in_view(labelled, "eval_v0_failures") == ["s0", "s1", "s2"]
    show_failures(labelled, "v0", {"fn": ["s2"], "fp": []})
    assert (having(labelled, "failure:high_fn:v0"), having(labelled, "failure:high_fp:v0")) == (["s2"], [])
    assert in_view(labelled, "eval_v0_failures") == ["s2"]


def test_the_view_of_failures_exists_even_when_there_are_none_and_leaves_other_iterations_alone(labelled):
    show_failures(labelled, "v0", {"fn": ["s0"], "fp": []})
    show_failures(labelled, "v1", {"fn": [], "fp": []})
    assert in_view(labelled, "eval_v1_failures") == []
    assert in_view(labelled, "eval_v0_failures") == ["s0"]


def test_the_app_opens_with_the_newest_predictions_beside_what_it_drew_before(labelled):
    draw_first(labelled, ["v0"])
    draw_first(labelled, ["v1", "test_v1"])
    assert labelled.dataset.app_config.active_fields.paths == ["human_labels", "predictions_v1", "predictions_test_v1"]


def test_predictions_shown_again_are_on_no_other_image(labelled):
    show_predictions(labelled, "v0", SECOND, SAMPLES, VAL)
    show_predictions(labelled, "v0", SECOND, SAMPLES, VAL[1:])
    assert labelled.dataset.exists("predictions_v0").values(Field.SAMPLE_ID) == VAL[1:]
