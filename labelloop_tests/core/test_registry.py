import numpy as np
import pandas as pd
import pytest

from labelloop.core.registry import SAMPLE_COLUMNS, samples_table, set_aside

NOTHING = pd.DataFrame(columns=SAMPLE_COLUMNS)


def files(*rows):
    """Rows of path, sample id (None: set aside) and, if it matters, dhash."""
    table = pd.DataFrame([(*row, 7)[:3] for row in rows], columns=["path", "sample_id", "dhash"])
    return table.assign(
        width=640, height=480, reason=[None if row[1] else "file is empty" for row in rows], detail="because"
    )


def paths(table):
    return dict(zip(table["sample_id"], table["path"], strict=True))


def test_no_file_is_no_sample():
    table = samples_table(files(), {}, [], NOTHING)
    assert list(table.columns) == SAMPLE_COLUMNS
    assert table.empty


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([("b/x.jpg", "s1"), ("a/y.jpg", "s1")], {"s1": "a/y.jpg"}),
        ([("a/x.jpg", "s2"), ("b/x.jpg", "s1")], {"s1": "b/x.jpg", "s2": "a/x.jpg"}),
        ([("a.jpg", None), ("b.jpg", "s1")], {"s1": "b.jpg"}),
        ([("a.jpg", None)], {}),
    ],
    ids=["same content, two paths", "same name, two folders", "one set aside", "all set aside"],
)
def test_a_sample_is_a_content_with_the_first_of_its_paths(found, expected):
    for order in (found, found[::-1]):
        table = samples_table(files(*order), {}, [], NOTHING)
        assert paths(table) == expected
        assert table["sample_id"].is_monotonic_increasing


def test_splits_and_labels_follow_the_path():
    table = samples_table(files(("a", "s2"), ("b", "s1")), {"a": "val", "z": "test"}, ["b", "z"], NOTHING)
    assert table[["sample_id", "labelled"]].to_numpy().tolist() == [["s1", True], ["s2", False]]
    assert [None if pd.isna(name) else name for name in table["source_split"]] == [None, "val"]


def test_what_was_registered_before_never_goes_away_and_what_moved_is_found_again():
    before = samples_table(files(("a", "s1"), ("b", "s2"), ("c", "s3")), {"a": "val"}, [], NOTHING)
    after = samples_table(files(("new/b", "s2"), ("d", "s0"), ("c", None)), {}, [], before)
    assert paths(after) == {"s0": "d", "s1": "a", "s2": "new/b", "s3": "c"}
    assert after.set_index("sample_id").loc["s1", "source_split"] == "val"


def test_the_same_files_again_give_the_same_table():
    found = files(("a", "s1"), ("b", "s2"))
    once = samples_table(found, {"a": "val"}, ["b"], NOTHING)
    pd.testing.assert_frame_equal(samples_table(found, {"a": "val"}, ["b"], once), once)


@pytest.mark.parametrize(("old", "new"), [(2**63 + 3, 5), (5, 2**63 + 3), (2**64 - 1, 2**64 - 3)])
def test_hashes_keep_all_their_bits_whatever_they_meet(old, new):
    """A table of small hashes is of signed integers; together with unsigned ones pandas would make floats of both."""
    before = samples_table(files(("a", "s1", old)), {}, [], NOTHING)
    before = before.assign(dhash=before["dhash"].astype("uint64"))
    table = samples_table(files(("b", "s2", new)), {}, [], before)
    assert table["dhash"].tolist() == [old, new]
    assert table["dhash"].dtype == np.uint64


def test_a_copy_brings_the_split_and_the_label_that_the_first_path_lacks():
    found = files(("a", "s1"), ("b", "s1"), ("c", "s1"))
    table = samples_table(found, {"c": "test", "b": "val"}, ["c"], NOTHING)
    assert table[["path", "source_split", "labelled"]].to_numpy().tolist() == [["a", "val", True]]


@pytest.mark.parametrize(
    ("found", "expected"),
    [([], []), ([("a", "s1")], []), ([("a", "s1"), ("b", None)], [["b", "file is empty", "because"]])],
)
def test_what_was_set_aside_is_listed_with_the_reason(found, expected):
    table = set_aside(files(*found))
    assert list(table.columns) == ["path", "reason", "detail"]
    assert table.to_numpy().tolist() == expected
