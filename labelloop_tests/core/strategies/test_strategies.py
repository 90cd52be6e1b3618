import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from labelloop.core.errors import LabelError, MissingStateError
from labelloop.core.selection import Failures, Mix, cover
from labelloop.core.strategies import typical as typical_images
from labelloop.core.strategies.choose import choose
from labelloop.core.strategies.clusters import centres
from labelloop.core.strategies.entropy import rank
from labelloop.core.strategies.query import Openings
from labelloop.core.strategies.table import STRATEGIES
from labelloop.core.strategies.typical import TypicalImages
from labelloop.core.unit_vectors import UnitVectors
from labelloop.core.vocabulary import Source
from labelloop_tests.core.builders import predictions, unit_rows
from labelloop_tests.core.strategies.pools import chosen, near_copies, query_of, rare, rare_share, rows_of

GREEDY = ("zcore", "k_center", "typiclust")
SEES = [name for name, strategy in STRATEGIES.items() if strategy.needs_predictions]


def some_query(count=90, budget=20, dims=12, groups=None, **pool):
    """A pool with labelled images, failures, predictions and near-duplicates."""
    rng = np.random.default_rng(count)
    query = query_of(
        unit_rows(count, dims), budget, zcore=rng.random(count),
        groups=groups or {f"p{number:06d}": f"g{number // 3}" for number in range(0, count, 2)},
        labelled=unit_rows(7, dims, seed=5), twin_cosine=0.999, **pool,
    )  # fmt: skip
    failed = Failures(pd.DataFrame({"sample_id": ["f0", "f1"], "fn": [2, 0], "fp": [1, 4]}), unit_rows(2, dims, seed=9))
    boxes = [
        (f"p{row:06d}", "cat" if row % 3 else "dog", 10 * box, 0, 10 * box + 15, 10, 0.05 + 0.9 * rng.random())
        for row in range(0, count, 2)
        for box in range(row % 5)
    ]
    return replace(query, failures=failed, predictions=predictions(*boxes), class_counts={"cat": 9, "dog": 1})


def shuffled(query, seed):
    order = np.random.default_rng(seed).permutation(len(query.pool.zcore))
    pool = replace(query.pool, zcore=query.pool.zcore.iloc[order], embeddings=query.pool.embeddings[order])
    boxes = query.predictions.sample(frac=1, random_state=seed)
    return replace(query, pool=pool, predictions=boxes)


def pick(name, query, seed=0, **how):
    return choose(name, query, np.random.default_rng(seed), **how)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("count", [0, 1, 19, 90])
@pytest.mark.parametrize("known", [True, False])
def test_the_quota_is_exact_and_each_row_says_why(name, count, balanced, known):
    query = some_query(count)
    query = query if known else replace(query, predictions=None, failures=None, pool=replace(query.pool, labelled=None))
    manifest = pick(name, query, class_balanced=balanced)
    assert len(manifest) == min(20, count)
    assert list(manifest.columns) == ["rank", "sample_id", "source", "score", "reason"]
    assert manifest["rank"].tolist() == list(range(1, len(manifest) + 1))
    assert manifest["sample_id"].is_unique
    assert manifest["reason"].str.len().gt(10).all()
    assert np.isfinite(manifest["score"].astype(float)).all()


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_pool_of_nothing_but_twins_fills_the_quota(name):
    query = some_query(40)
    same = replace(query.pool, embeddings=np.repeat(unit_rows(1, 12), 40, axis=0), labelled=unit_rows(1, 12), groups={})
    manifest = pick(name, replace(query, pool=same))
    assert manifest["sample_id"].nunique() == 20
    assert set(manifest["source"]) == {"backfill"}


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_batch_does_not_depend_on_the_order_of_rows(name, balanced):
    query = some_query()
    turned = shuffled(query, seed=1)
    pd.testing.assert_frame_equal(
        pick(name, query, class_balanced=balanced), pick(name, turned, class_balanced=balanced)
    )


@pytest.mark.parametrize("name", STRATEGIES)
def test_equal_images_tie_by_sample_id_whatever_the_order_of_rows(name):
    query = some_query(60, 12)
    rows = np.repeat(unit_rows(6, 12), 10, axis=0)
    even = pd.Series(0.5, index=query.pool.zcore.index)
    query = replace(query, pool=replace(query.pool, zcore=even, embeddings=rows, groups={}, twin_cosine=0.0))
    pd.testing.assert_frame_equal(pick(name, query), pick(name, shuffled(query, seed=2)))


def test_what_a_pick_stands_for_is_not_proposed_again():
    query = some_query(6, 2, groups={f"p{number:06d}": "one" for number in (1, 4)})
    openings = Openings(query.pool)
    openings.take(4)
    assert openings.mask.tolist() == [True, False, True, True, False, True]
    assert openings.best(np.array([1.0, 9.0, 5.0, 5.0, 9.0, 0.0])) == 2
    openings.close_twins(np.array([0.0, 0.0, 0.9995, 0.9985, 0.0, 0.9989999]))
    assert openings.mask.tolist() == [True, False, False, True, False, False]


MANIFESTS = """
from labelloop.core.strategies.table import STRATEGIES
from labelloop_tests.core.strategies.test_strategies import pick, some_query
for name in STRATEGIES:
    for balanced in (False, True):
        print(name, balanced, pick(name, some_query(), class_balanced=balanced).to_json())
"""


def test_a_batch_depends_neither_on_pythonhashseed_nor_on_the_number_of_threads():
    manifests = {
        subprocess.run(
            [sys.executable, "-c", MANIFESTS],
            env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed, "OPENBLAS_NUM_THREADS": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(manifests) == 1
    assert len(manifests.pop()) > 10_000


@pytest.mark.parametrize("name", STRATEGIES)
def test_near_duplicates_of_what_is_labelled_or_chosen_wait_until_nothing_else_is_left(name):
    query = some_query(60, 15, groups={f"p{number:06d}": f"g{number // 2}" for number in range(60)}, covered={"g0"})
    picked = rows_of(pick(name, query))
    assert not {0, 1} & set(picked)
    assert len({row // 2 for row in picked}) == 15


@pytest.mark.parametrize("name", STRATEGIES)
def test_twins_by_embedding_wait_too(name):
    query = some_query(60, 15, groups={"none": "none"})
    rows = np.repeat(unit_rows(30, 12), 2, axis=0)
    picked = rows_of(pick(name, replace(query, pool=replace(query.pool, embeddings=rows, labelled=rows[:1]))))
    assert not {0, 1} & set(picked)
    assert len({row // 2 for row in picked}) == 15


@pytest.mark.parametrize("noise", [0.0, 1e-3, 1e-2, 0.1])
@pytest.mark.parametrize("name", [*GREEDY, "hybrid"])
def test_a_batch_of_fifty_holds_nearly_all_of_fifty_groups_of_near_copies(name, noise):
    """The best fifty by ZCore score alone hold 31 to 40 of them."""
    assert len({row // 10 for row in chosen(name, near_copies(noise))}) >= 49


@pytest.mark.parametrize("name", ["zcore", "hybrid"])
@pytest.mark.parametrize("spread", [True, False])
def test_coverage_that_looks_at_the_batch_leaves_the_crowd_its_share(name, spread):
    """The best fifty by ZCore score alone are all rare where the rare ones lie apart."""
    failed = Failures(pd.DataFrame({"sample_id": ["f0"], "fn": [1], "fp": [0]}), rare(spread)[:1])
    manifest = pick(name, replace(query_of(rare(spread)), failures=failed))
    covering = rows_of(manifest[manifest["source"].isin([Source.COVERAGE, Source.TYPICAL])])
    assert len(covering) == (50 if name == "zcore" else 15)
    assert 0.5 <= rare_share(covering) <= 0.75
    assert rare_share(chosen("random", rare(spread))) < 0.25


def test_farthest_first_is_the_plain_greedy_one():
    query = some_query(80, 30, groups={"none": "none"})
    rows, known = query.pool.embeddings.astype(float), query.pool.labelled.astype(float)
    expected = []
    for _ in range(30):
        covered = np.vstack([known, rows[expected]])
        nearest = (rows @ covered.T).max(axis=1)
        nearest[expected] = 2
        expected.append(int(nearest.argmin()))
    assert rows_of(pick("k_center", query)) == expected


def test_where_nothing_is_labelled_the_most_central_image_comes_first():
    rows = np.array([[1.0, 0.0], [0.9, 0.5], [0.0, 1.0], [0.4, 0.9]])
    manifest = pick("k_center", query_of(rows, 2, zcore=np.zeros(4)))
    assert manifest["reason"].iloc[0] == "the most central image"
    assert rows_of(manifest)[0] in (1, 3)


def test_typical_images_come_from_the_largest_clusters_that_nothing_covers():
    rng = np.random.default_rng(4)
    centres = np.eye(6)[:4]
    rows = np.vstack(
        [centre + 0.05 * rng.normal(size=(size, 6)) for centre, size in zip(centres, (30, 20, 12, 8), strict=True)]
    )
    cluster = np.repeat(np.arange(4), (30, 20, 12, 8))
    query = query_of(rows, 3, zcore=np.zeros(70), labelled=centres[:1])
    assert cluster[rows_of(pick("typiclust", query))].tolist() == [1, 2, 3]
    (first, *_) = rows_of(pick("typiclust", query))
    own = rows[cluster == 1] / np.linalg.norm(rows[cluster == 1], axis=1, keepdims=True)
    cosine = own @ own.T
    assert cosine[first - 30].sum() > np.quantile(cosine.sum(axis=1), 0.8)


def test_typicality_is_the_mean_cosine_with_the_others_of_a_cluster():
    rows = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]])
    manifest = pick("typiclust", query_of(rows, 1, zcore=np.zeros(3)))
    assert rows_of(manifest) == [2]
    assert manifest["score"].iloc[0] == pytest.approx((0.8 + 0.96) / 2)


def typical_in(rows, clusters):
    """Rows of a pool that stand for so many clusters, and what finds them."""
    query = query_of(rows, clusters, zcore=np.zeros(len(rows)))
    openings = Openings(query.pool)
    return openings, TypicalImages(query, openings, np.random.default_rng(0))


def test_clusters_get_their_turns_as_dhondt_shares_out_seats():
    openings, typical = typical_in(np.repeat(np.eye(2), (10, 6), axis=0), 2)
    turns = []
    for _ in range(6):
        found = typical.next_by_mass(np.ones(16))
        openings.take(found.row)
        typical.take(found.row)
        turns.append(found.cluster_size)
    assert turns == [10, 6, 10, 10, 6, 10]  # 10, 6, 10/2, 10/3, 6/2, 10/4


def test_of_a_large_cluster_others_are_compared_when_those_that_were_are_taken(monkeypatch):
    monkeypatch.setattr(typical_images, "_COMPARED", 4)
    openings, typical = typical_in(unit_rows(12, 4) + np.array([4, 0, 0, 0]), 1)
    taken = []
    while (found := typical.next()) is not None:
        assert found.typicality > 0.5
        openings.take(found.row)
        taken.append(found.row)
    assert sorted(taken) == list(range(12))


def test_there_are_no_more_clusters_than_distinct_rows():
    for dims in (3, 64, 500):
        rows = UnitVectors(np.repeat(unit_rows(4, dims), 5, axis=0)).rows(slice(None))
        assert len(centres(rows, 12, np.random.default_rng(0))) == 4


def test_random_draws_anew_for_each_seed_and_favours_nobody():
    query = query_of(unit_rows(40, 4), 10, zcore=np.linspace(0, 1, 40))
    drawn = [rows_of(pick("random", query, seed)) for seed in range(60)]
    assert len({tuple(rows) for rows in drawn}) == 60
    counts = np.bincount(np.concatenate(drawn), minlength=40)
    assert counts.min() >= 4
    assert counts.max() <= 30


def test_hybrid_covers_as_zcore_does_and_takes_the_rest_from_failures():
    query = some_query()
    manifest, share = pick("hybrid", query), round(query.mix.coverage_share * query.mix.budget)
    pd.testing.assert_frame_equal(manifest.head(share), pick("zcore", query).head(share))
    assert manifest.tail(-share)["reason"].str.startswith("looks like f").all()
    first = replace(query, failures=None)
    pd.testing.assert_frame_equal(pick("hybrid", first), pick("zcore", first))


def test_hybrid_without_failures_is_all_coverage_that_looks_at_the_batch():
    query = some_query()
    flawless = replace(query, failures=Failures(query.failures.errors.iloc[:0], query.failures.embeddings[:0]))
    manifest, covering = pick("hybrid", flawless), pick("zcore", query)
    assert manifest["sample_id"].tolist() == covering["sample_id"].tolist()
    assert manifest["reason"].str.startswith("no failures to mine: ").any()


def test_classes_are_balanced_among_three_times_the_budget():
    """Images are ranked by number; the ninth shows a rare class, the tenth a rarer one."""
    shown = ["cat"] * 8 + ["dog", "bird"] + ["cat"] * 2
    boxes = predictions(*[(f"p{row:06d}", name, 0, 0, 9, 9, 0.5 + 0.03 * row) for row, name in enumerate(shown)])
    query = query_of(unit_rows(12, 4), 3, zcore=np.zeros(12))
    query = replace(query, predictions=boxes, class_counts={"cat": 50, "dog": 5, "bird": 0})
    assert rows_of(pick("entropy", query)) == [0, 1, 2]
    picked = rows_of(pick("entropy", query, class_balanced=True))
    assert picked[0] == 8
    assert max(picked) < 9


def test_a_pool_of_less_than_three_budgets_is_balanced_as_one_batch_of_all():
    query = replace(some_query(30), class_counts={})
    whole = replace(query, mix=replace(query.mix, budget=30))
    balanced = pick("hybrid", query, class_balanced=True)
    assert balanced["sample_id"].tolist() == pick("hybrid", whole)["sample_id"].head(20).tolist()


@pytest.mark.parametrize("name", SEES)
def test_before_the_first_model_uncertainty_is_replaced_by_coverage_and_says_so(name):
    query = replace(some_query(), predictions=None)
    manifest = pick(name, query)
    assert manifest["sample_id"].tolist() == cover(query.pool, 20)["sample_id"].tolist()
    first = manifest[manifest["source"] == "coverage"]
    assert first["reason"].str.startswith(f"no model yet whose {name} could be asked").all()


@pytest.mark.parametrize("name", SEES)
def test_uncertainty_comes_first_and_images_without_a_box_fill_the_quota_by_coverage(name):
    query = query_of(unit_rows(6, 4), 6, zcore=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    boxes = predictions(
        ("p000001", "cat", 0, 0, 9, 9, 0.99), ("p000002", "cat", 0, 0, 9, 9, 0.5), ("p000003", "cat", 0, 0, 9, 9, 0.6),
        ("p000003", "cat", 20, 0, 29, 9, 0.6), ("elsewhere", "cat", 0, 0, 9, 9, 0.5),
    )  # fmt: skip
    manifest = pick(name, replace(query, predictions=boxes))
    assert rows_of(manifest) == [3, 2, 1, 5, 4, 0]
    assert manifest["source"].tolist() == ["uncertainty"] * 3 + ["backfill"] * 3
    assert "2 in all" in manifest["reason"].iloc[0]


def test_a_strategy_that_nobody_knows_is_refused_with_those_there_are():
    with pytest.raises(LabelError, match=r"'qbc' is no query strategy.*hybrid, random, zcore"):
        pick("qbc", some_query())


def test_a_strategy_that_needs_predictions_asks_for_them():
    with pytest.raises(MissingStateError, match="no predictions yet"):
        rank(replace(some_query(), predictions=None), np.random.default_rng(0))


def test_an_image_without_a_score_of_its_own_is_refused():
    query = some_query()
    query.pool.zcore.iloc[3] = np.nan
    for name in ("zcore", "entropy", "hybrid", "random"):
        with pytest.raises(LabelError, match="no coverage score"):
            pick(name, query)


def test_no_share_for_the_crowd_is_farthest_first_by_zcore():
    query = some_query()
    manifest = pick("zcore", replace(query, mix=Mix(20, 0.3, 20, typical_share=0.0)))
    assert set(manifest["source"]) == {"coverage"}
    half = pick("zcore", replace(query, mix=Mix(20, 0.3, 20, typical_share=0.5)))
    assert half["source"].value_counts().to_dict() == {"coverage": 10, "typical": 10}
