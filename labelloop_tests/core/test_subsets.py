import pytest

from labelloop.core.errors import LabelError
from labelloop.core.subsets import allowed, subset_key


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (["val", "Validation", "VALID", " val "], "val"),
        (["train", "Training"], "train"),
        (["TEST", "testing"], "test"),
        (["", "default", "Default"], ""),
        (["Reef 7", "REEF 7"], "reef 7"),
    ],
)
def test_ways_to_write_a_subset_are_one(names, key):
    assert {subset_key(name) for name in names} == {key}


def test_without_a_wish_every_subset_is_allowed():
    assert allowed({"Train", "", "Odd"}, []) == {"Train", "", "Odd"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(["validation"], {"Val", "valid"}), (["default"], {""}), (["VAL", "reef"], {"Val", "valid", "Reef"})],
)
def test_what_is_wanted_is_found_however_it_is_written(wanted, found):
    assert allowed({"Train", "Val", "valid", "Reef", ""}, wanted) == found


def test_an_unknown_subset_lists_those_that_exist():
    with pytest.raises(LabelError, match=r"subset Vla; there are: Train, Validation, default \(none\)\. Correct"):
        allowed({"Validation", "Train", ""}, ["train", "Vla"])


def test_a_project_without_tasks_says_so():
    with pytest.raises(LabelError, match="none, for it has no tasks"):
        allowed(set(), ["train"])
