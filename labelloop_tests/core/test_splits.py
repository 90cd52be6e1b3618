from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labelloop.core.errors import ConfigError, LabelError
from labelloop.core.splits import Grouping, SplitSize, SplitSizes, cut, extend, grow, spanning_groups
from labelloop.core.vocabulary import Split
from labelloop_tests.core.builders import samples

DEFAULTS = SplitSizes(val=SplitSize(0.15, 200), golden=SplitSize(0.05, 50), test=SplitSize(0.15, 300))
VIDEO = Grouping(pattern=r"(video\d+)/")


def counts(splits):
    return splits["split"].value_counts().to_dict()


def split_of(splits):
    return dict(zip(splits["sample_id"], splits["split"], strict=True))


def clips(videos, length):
    """`videos` of `length` images each, far from each other as pictures."""
    paths = [f"video{number}/{frame}.jpg" for number in range(videos) for frame in range(length)]
    return samples(videos * length).assign(path=paths)


@pytest.mark.parametrize(
    ("amount", "most", "total", "expected"),
    [
        (0.15, 200, 0, 0),
        (0.15, 200, 364, 54),
        (0.15, 200, 100_000, 200),
        (0.29, 200, 100, 29),  # 0.29 * 100 is 28.999999999999996
        (30, 200, 364, 30),
        (1, 200, 364, 1),  # below 1 is a share, 1 is a count
        (0, 200, 364, 0),
    ],
)
def test_a_size_is_a_share_or_a_count_with_a_cap(amount, most, total, expected):
    assert SplitSize(amount, most).of(total) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, {"pool": 1}),
        (2, {"pool": 2}),
        (3, {"pool": 2, "val": 1}),
        (12, {"pool": 10, "val": 1, "test": 1}),
        (100, {"pool": 65, "val": 15, "golden": 5, "test": 15}),
        (2500, {"pool": 1950, "val": 200, "golden": 50, "test": 300}),
    ],
)
def test_sizes_are_exact_where_no_groups_stand_in_the_way(count, expected):
    assert counts(cut(samples(count), DEFAULTS, seed=1)) == expected


def test_no_samples_cannot_be_split():
    with pytest.raises(LabelError, match="No image is left in the pool of 0"):
        cut(samples(0), DEFAULTS, seed=1)


def test_splits_do_not_depend_on_the_order_of_rows():
    table = samples(200)
    shuffled = table.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(cut(table, DEFAULTS, seed=1), cut(shuffled, DEFAULTS, seed=1))


def test_another_seed_is_another_split():
    one, two = (split_of(cut(samples(200), DEFAULTS, seed=seed)) for seed in (1, 2))
    assert one != two


def test_a_split_is_drawn_from_everywhere_not_from_the_first_ids():
    splits = cut(samples(400), DEFAULTS, seed=1)
    positions = np.flatnonzero(splits["split"] == Split.VAL)
    assert positions.min() < 60
    assert positions.max() > 340


def test_near_duplicates_stand_on_one_side():
    """Defect (l) of the published guide: a random split ignores near-duplicates."""
    table = samples(150)
    copies = table.assign(sample_id="copy-" + table["sample_id"], dhash=[value ^ 0b10101 for value in table["dhash"]])
    splits = cut(pd.concat([table, copies]), DEFAULTS, seed=5)
    held = split_of(splits)
    assert all(held[name] == held[f"copy-{name}"] for name in table["sample_id"])
    assert len(set(held.values())) == 4
    assert spanning_groups(splits).empty


def test_groups_by_path_stand_on_one_side():
    splits = cut(clips(30, 10), DEFAULTS, seed=5, grouping=VIDEO)
    assert spanning_groups(splits).empty
    assert splits["group"].nunique() == 30
    assert counts(splits) == {"pool": 210, "val": 40, "golden": 10, "test": 40}


def test_images_whose_path_does_not_match_are_groups_of_their_own():
    splits = cut(samples(20), DEFAULTS, seed=5, grouping=VIDEO)
    assert splits["group"].nunique() == 20


def test_a_group_that_would_eat_the_pool_is_not_held_out():
    splits = cut(clips(3, 300), DEFAULTS, seed=5, grouping=VIDEO)
    assert counts(splits) == {"pool": 600, "val": 300}


def test_one_large_group_leaves_nothing_to_cut_val_from():
    with pytest.raises(LabelError, match="All 12 images hang together"):
        cut(clips(1, 12), DEFAULTS, seed=5, grouping=VIDEO)


def test_an_empty_pool_is_refused():
    greedy = SplitSizes(val=SplitSize(5, 200), golden=SplitSize(5, 50), test=SplitSize(5, 300))
    with pytest.raises(LabelError, match="No image is left in the pool of 12"):
        cut(samples(12), greedy, seed=1)


def test_val_may_be_switched_off():
    none = SplitSizes(val=SplitSize(0, 200), golden=SplitSize(0, 50), test=SplitSize(0, 300))
    assert counts(cut(samples(12), none, seed=1)) == {"pool": 12}


def test_an_id_that_occurs_twice_is_refused():
    with pytest.raises(LabelError, match="occur twice"):
        cut(pd.concat([samples(3), samples(1)]), DEFAULTS, seed=1)


@pytest.mark.parametrize(
    ("pattern", "told"), [("(", "not a regular expression"), ("video", "has no group"), (r"video\d+", "has no group")]
)
def test_a_pattern_that_names_no_group_is_refused(pattern, told):
    with pytest.raises(ConfigError, match=told):
        cut(samples(5), DEFAULTS, seed=1, grouping=Grouping(pattern=pattern))


def test_splits_of_the_source_are_kept_and_golden_is_cut_from_its_train():
    published = ["train"] * 60 + ["Valid"] * 25 + ["TEST"] * 15
    table = samples(100, source_split=published)
    splits = cut(table, DEFAULTS, seed=1).merge(table[["sample_id", "source_split"]])
    kept = splits.groupby("source_split")["split"].value_counts().to_dict()
    assert kept == {
        ("TEST", "test"): 15, ("Valid", "val"): 25, ("train", "pool"): 55, ("train", "golden"): 5
    }  # fmt: skip
    assert splits.loc[splits["split"] == "golden", "origin"].unique().tolist() == ["cut"]
    assert splits.loc[splits["split"] != "golden", "origin"].unique().tolist() == ["source"]


def test_a_source_without_test_has_it_cut_from_train():
    splits = cut(samples(100, source_split=["train"] * 80 + ["val"] * 20), DEFAULTS, seed=1)
    assert counts(splits) == {"pool": 60, "val": 20, "golden": 5, "test": 15}


def test_images_the_source_has_no_split_for_may_be_cut():
    splits = cut(samples(100, source_split=["val"] * 20 + [None] * 80), DEFAULTS, seed=1)
    assert counts(splits) == {"pool": 60, "val": 20, "golden": 5, "test": 15}


@pytest.mark.parametrize("column", [{}, {"source_split": [None] * 100}, {"source_split": [np.nan] * 100}])
def test_a_source_without_splits_is_cut(column):
    splits = cut(samples(100, **column), DEFAULTS, seed=1)
    assert counts(splits) == {"pool": 65, "val": 15, "golden": 5, "test": 15}
    assert set(splits["origin"]) == {"cut"}


def test_splits_of_the_source_can_be_ignored():
    table = samples(100, source_split=["test"] * 99 + ["train"])
    assert counts(cut(table, DEFAULTS, seed=1, from_source=False)) == counts(cut(samples(100), DEFAULTS, seed=1))


def test_an_unknown_split_of_the_source_is_named_not_dropped():
    with pytest.raises(LabelError, match="does not know: fold7, quarantine"):
        cut(samples(4, source_split=["train", "fold7", "quarantine", "test"]), DEFAULTS, seed=1)


def test_duplicates_across_published_splits_are_kept_and_reported():
    table = samples(40, source_split=["train"] * 30 + ["test"] * 10)
    table.loc[39, "dhash"] = table.loc[0, "dhash"] ^ 1
    splits = cut(table, DEFAULTS, seed=1)
    twins = sorted(table.loc[[0, 39], "sample_id"])
    assert split_of(splits)[table.loc[39, "sample_id"]] == "test"
    assert spanning_groups(splits).to_dict("records") == [
        {"group": twins[0], "splits": "pool, test", "sample_ids": tuple(twins)}
    ]


def test_a_pool_image_that_equals_a_published_test_image_is_never_cut_into_another_split():
    table = samples(30, source_split=["train"] * 20 + ["test"] * 10)
    table.loc[20:, "dhash"] = table.loc[:9, "dhash"].to_numpy()
    half = SplitSizes(val=SplitSize(5, 50), golden=SplitSize(5, 50), test=SplitSize(5, 50))
    for seed in range(5):
        held = split_of(cut(table, half, seed=seed))
        assert {held[name] for name in table.loc[:9, "sample_id"]} == {"pool"}


@pytest.fixture
def existing():
    return cut(samples(100), DEFAULTS, seed=1)


def test_extending_by_nothing_changes_nothing(existing):
    pd.testing.assert_frame_equal(extend(existing, samples(100)), existing)


def test_nobody_moves_and_newcomers_join_the_pool(existing):
    extended = extend(existing, samples(150).sample(frac=1, random_state=1))
    old = extended[extended["sample_id"].isin(existing["sample_id"])].reset_index(drop=True)
    new = extended[~extended["sample_id"].isin(existing["sample_id"])]
    pd.testing.assert_frame_equal(old, existing)
    assert counts(new) == {"pool": 50}
    assert set(new["origin"]) == {"late"}


@pytest.mark.parametrize(
    ("held", "expected"), [("val", "leak"), ("golden", "leak"), ("test", "leak"), ("pool", "pool")]
)
def test_a_newcomer_that_nearly_equals_a_held_out_image_is_a_leak(existing, held, expected):
    model = existing.loc[existing["split"] == held, "sample_id"].iloc[0]
    both = pd.concat([samples(100), samples(1, start=100)], ignore_index=True)
    both.loc[100, "dhash"] = both.loc[both["sample_id"] == model, "dhash"].iloc[0] ^ 0b111111
    newcomer = both.loc[100, "sample_id"]
    row = extend(existing, both).set_index("sample_id").loc[newcomer]
    assert row["split"] == expected
    assert row["group"] == model


def test_a_newcomer_of_a_held_out_video_is_a_leak():
    first = cut(clips(30, 4), DEFAULTS, seed=5, grouping=VIDEO)
    table = clips(30, 4)
    late = samples(60, start=500).assign(path=[f"video{number}/late.jpg" for number in range(60)])
    extended = extend(first, pd.concat([table, late]), grouping=VIDEO)
    videos = dict(zip(table["sample_id"], table["path"].str.split("/").str[0], strict=True))
    held = {videos[name] for name, split in split_of(first).items() if split != "pool"}
    found = split_of(extended)
    for name, path in zip(late["sample_id"], late["path"], strict=True):
        assert found[name] == ("leak" if path.split("/")[0] in held else "pool")


def test_a_newcomer_that_links_two_groups_keeps_both_names_as_they_are(existing):
    both = pd.concat([samples(100), samples(1, start=100)], ignore_index=True)
    one, two = existing.loc[existing["split"] == "pool", "sample_id"].iloc[:2]
    hashes = both.set_index("sample_id")["dhash"]
    near_both = hashes[one]
    both.loc[both["sample_id"] == two, "dhash"] = near_both ^ 0xFFF000  # twelve bits from one
    both.loc[100, "dhash"] = near_both ^ 0x03F000  # six bits from each
    extended = extend(existing, both).set_index("sample_id")
    assert extended.loc[[one, two, both.loc[100, "sample_id"]], "group"].tolist() == [one, two, min(one, two)]


def test_a_sample_whose_file_is_gone_keeps_its_place(existing):
    extended = extend(existing, samples(100).iloc[50:])
    pd.testing.assert_frame_equal(extended, existing)


def test_a_sample_of_a_split_table_is_a_row_of_a_file(existing, tmp_path: Path):
    extended = extend(existing, samples(120))
    extended.to_parquet(tmp_path / "splits.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "splits.parquet"), extended, check_dtype=False)


# -- held-out sets that grow ----------------------------------------------------------------------------------


def later(existing, count):
    """The table with newcomers in the pool, and all samples."""
    table = samples(100 + count)
    return extend(existing, table), table


def test_held_out_sets_grow_to_the_size_they_would_have_today(existing):
    table, everything = later(existing, 100)
    grown = grow(table, everything, DEFAULTS, taken=(), seed=51)
    assert counts(grown) == {"pool": 130, "val": 30, "golden": 10, "test": 30}
    before, after = split_of(table), split_of(grown)
    moved = {name for name in before if after[name] != before[name]}
    assert {before[name] for name in moved} == {"pool"}
    assert set(grown.loc[grown["sample_id"].isin(moved), "origin"]) == {"extended"}
    assert grown[~grown["sample_id"].isin(moved)].equals(table[~table["sample_id"].isin(moved)])


def test_growing_depends_on_the_seed_alone_and_doing_it_again_changes_nothing(existing):
    table, everything = later(existing, 60)
    grown = grow(table, everything, DEFAULTS, taken=(), seed=51)
    assert grow(table, everything.sample(frac=1, random_state=1), DEFAULTS, taken=(), seed=51).equals(grown)
    assert grow(grown, everything, DEFAULTS, taken=(), seed=51).equals(grown)
    assert not grow(table, everything, DEFAULTS, taken=(), seed=52).equals(grown)


def test_what_was_selected_or_labelled_and_all_that_nearly_equals_it_stays_in_the_pool(existing):
    table, everything = later(existing, 60)
    pool = table.loc[table["split"] == "pool", "sample_id"].tolist()
    free = set(pool[:40])
    twin = pool[0]  # nearly equals one that was selected
    everything.loc[everything["sample_id"] == twin, "dhash"] = int(
        everything.loc[everything["sample_id"] == pool[-1], "dhash"].iloc[0]
    )
    grown = split_of(grow(table, everything, DEFAULTS, taken=set(pool) - free, seed=51))
    assert {name for name in pool if grown[name] != "pool"} <= free - {twin}
    assert any(grown[name] != "pool" for name in pool)


def test_a_held_out_set_that_is_smaller_in_the_settings_now_loses_nobody(existing):
    small = SplitSizes(val=SplitSize(5, 200), golden=SplitSize(0, 50), test=SplitSize(0, 300))
    assert grow(existing, samples(100), small, taken=(), seed=51).equals(existing)
