"""Near-duplicates of a project: found in all splits, by all with all or by lists, and kept."""

import numpy as np
import pandas as pd
import pytest

from labelloop.adapters import faiss_centres
from labelloop.core.vocabulary import Split
from labelloop.resources import near_duplicates
from labelloop.resources.near_duplicates import (
    EXACT,
    find_near_duplicates,
    keep_near_duplicates,
    stored_groups,
)
from labelloop_tests.core.builders import unit_rows
from labelloop_tests.projects import make_project

COUNT = 300
IDS = [f"s{number:03d}" for number in range(COUNT)]


@pytest.fixture
def make(tmp_path):
    """A project with embeddings of which every tenth nearly repeats the one before; every fifth image is in val."""

    def project(**settings):
        now = make_project(tmp_path, near_duplicates=settings)
        vectors = unit_rows(COUNT, 12)
        vectors[10::10] = vectors[9:-1:10] + 0.02 * unit_rows(29, 12, seed=5)
        wanted = now.settings.embeddings
        now.ledger.vectors.save(wanted.provider, "1", IDS, 2 + vectors, {"recipe": wanted.recipe})
        split = [Split.VAL if number % 5 == 0 else Split.POOL for number in range(COUNT)]
        now.ledger.save_splits(pd.DataFrame({"sample_id": IDS, "split": split, "group": IDS, "origin": "cut"}))
        return now

    return project


def groups_of(found):
    return found.groups.groupby("group")["sample_id"].agg(list).tolist()


TWINS = [[IDS[number - 1], IDS[number]] for number in range(10, COUNT, 10)]


def test_groups_are_found_in_all_splits_and_told_largest_first(make):
    said = []
    found = find_near_duplicates(make(threshold=0.99), said.append)
    assert groups_of(found) == TWINS
    assert (found.searched, found.images, said) == (EXACT, COUNT, [])
    table = found.by_group()
    assert table["group"].tolist() == [twins[0] for twins in TWINS]
    assert set(table["splits"]) == {"pool, val"}
    assert table["on_both_sides"].all()


def test_without_the_centre_everything_is_alike(make):
    assert len(groups_of(find_near_duplicates(make(threshold=0.9, centre=False), print))) == 1


def test_beyond_the_limit_lists_of_faiss_find_the_same(make):
    pytest.importorskip("faiss")
    found = find_near_duplicates(make(threshold=0.99, exact_up_to=COUNT - 1), pytest.fail)
    assert groups_of(found) == TWINS
    assert "lists, measured on 300 images: they find 100" in found.searched


def test_without_faiss_all_are_compared_and_the_log_says_so(make, monkeypatch):
    monkeypatch.setattr(faiss_centres, "is_installed", lambda: False)
    said = []
    found = find_near_duplicates(make(threshold=0.99, exact_up_to=0), said.append)
    assert groups_of(found) == TWINS
    assert found.searched == EXACT
    assert "labelloop[scale]" in said[0]


def test_lists_that_miss_too_much_are_not_trusted(make, monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr(faiss_centres, "centres", lambda rows, count, seed: unit_rows(200, rows.shape[1], seed=8))
    monkeypatch.setattr("labelloop.core.inverted_lists._PROBES", (1,))
    said = []
    found = find_near_duplicates(make(threshold=0.7, exact_up_to=0), said.append)
    assert found.groups.equals(find_near_duplicates(make(threshold=0.7), print).groups)
    assert "less than 99%" in said[0]
    assert "missed" in found.searched


def test_what_was_found_is_kept_for_fiftyone(make):
    now = make(threshold=0.99)
    assert stored_groups(now) is None
    found = find_near_duplicates(now, print)
    keep_near_duplicates(now, found)
    assert stored_groups(now) == dict(zip(found.groups["sample_id"], found.groups["group"], strict=True))


def test_what_was_found_is_not_searched_for_again_until_something_changes(make, monkeypatch):
    now = make(threshold=0.99)
    found = find_near_duplicates(now, print)
    keep_near_duplicates(now, found)
    monkeypatch.setattr(near_duplicates, "near_links", None)
    again = find_near_duplicates(now, print)
    pd.testing.assert_frame_equal(again.groups, found.groups)
    assert (again.searched, again.images) == (found.searched, found.images)
    with pytest.raises(TypeError):
        find_near_duplicates(make(threshold=0.98), print)


def test_the_held_out_images_do_not_move_the_centre(make):
    now = make(threshold=0.99)
    ids, vectors = now.ledger.embeddings("hog_hsv")
    moved = np.array(vectors)
    moved[::5][1::2] += 50  # val images that are no twin
    now.ledger.vectors.save("hog_hsv", "2", ids, moved, {"recipe": now.settings.embeddings.recipe})
    assert [pair for pair in groups_of(find_near_duplicates(now, print)) if len(pair) == 2] == TWINS
