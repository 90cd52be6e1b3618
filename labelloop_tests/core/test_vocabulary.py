import pytest

from labelloop.core import vocabulary
from labelloop.core.errors import LabelError
from labelloop.core.vocabulary import (
    HELD_OUT,
    SPLIT_ALIASES,
    SPLIT_VIEWS,
    SUBSETS,
    Split,
    iteration_number,
    next_iteration,
    previous_iteration,
)

NOT_QUITE = [
    "v",
    "0",
    "v01",
    "v00",
    "V1",
    "v-1",
    "v+1",
    "v1 ",
    " v1",
    "v1\n",
    "v1.0",
    "v1_0",
    "vv1",
    "v١",
    "v1٢",
    "holdout",
]


@pytest.mark.parametrize(("key", "number"), [("v0", 0), ("v1", 1), ("v10", 10), ("v1234", 1234)])
def test_an_iteration_key_is_v_and_its_number(key, number):
    assert iteration_number(key) == number


@pytest.mark.parametrize("key", ["", *NOT_QUITE])
def test_what_only_looks_like_an_iteration_is_refused_with_what_one_looks_like(key):
    with pytest.raises(LabelError, match=r"is not an iteration\. Iterations are called v0, v1, v2"):
        iteration_number(key)


def test_iterations_are_ordered_by_number_and_not_as_text():
    assert sorted(["v10", "v2", "v1", "v0"], key=iteration_number) == ["v0", "v1", "v2", "v10"]


@pytest.mark.parametrize(("key", "before", "after"), [("v0", None, "v1"), ("v9", "v8", "v10"), ("v10", "v9", "v11")])
def test_each_iteration_has_neighbours_save_that_v0_is_the_first(key, before, after):
    assert previous_iteration(key) == before
    assert next_iteration(key) == after


def test_names_of_an_iteration_are_those_of_the_contract():
    names = [
        vocabulary.batch_tag("v3"), vocabulary.batch_view("v3"), vocabulary.annotated_tag("v3"),
        vocabulary.predictions_field("v3"), vocabulary.eval_key("v3"), vocabulary.failures_view("v3"),
        vocabulary.failure_tag("fn", "v3"), vocabulary.failure_tag("fp", "v3"), vocabulary.source_tag("coverage"),
        vocabulary.predictions_field(vocabulary.final_name("v3")), vocabulary.eval_key(vocabulary.final_name("v3")),
    ]  # fmt: skip
    assert names == [
        "batch:v3", "batch_v3", "annotated:v3", "predictions_v3", "eval_v3", "eval_v3_failures",
        "failure:high_fn:v3", "failure:high_fp:v3", "source:coverage",
        "predictions_test_v3", "eval_test_v3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("split", "tag", "view"),
    [
        (Split.POOL, "split:pool", "pool"), (Split.VAL, "split:val", "val_set"), (Split.TEST, "split:test", "test_set"),
        (Split.GOLDEN, "split:golden", "golden_qa"), (Split.LEAK, "excluded:leak", None),
    ],
)  # fmt: skip
def test_each_split_has_its_tag_and_view(split, tag, view):
    assert split.tag == tag
    assert SPLIT_VIEWS.get(split) == view


def test_the_pool_is_not_held_out_and_every_split_that_is_sent_has_a_subset():
    assert set(HELD_OUT) == set(SUBSETS) - {Split.POOL}
    assert Split.LEAK not in SPLIT_ALIASES.values()
    assert all(SPLIT_ALIASES[name] == name for name in ("pool", "val", "test", "golden"))
