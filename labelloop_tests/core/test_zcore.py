import numpy as np
import pytest

from labelloop.core import zcore_draws, zcore_index, zcore_rules, zcore_run
from labelloop.core.errors import LabelError
from labelloop.core.zcore import zcore_scores
from labelloop.core.zcore_draws import Spread, counter_draws, numpy_draws
from labelloop.core.zcore_index import PoolIndex
from labelloop.core.zcore_rows import PoolRows
from labelloop.core.zcore_rules import ONE, Redundancy, _nearest, _shares, score_draws
from labelloop_tests.benchmarks.zcore import mixture, published, published_draw
from labelloop_tests.core.builders import unit_rows

PAPER = {"redund_nn": 10, "redund_exp": 4}


def score(rows, *, n_sample=200, sample_dim=2, seed=51, **more):
    return zcore_scores(rows, n_sample=n_sample, sample_dim=sample_dim, seed=seed, **(PAPER | more))


@pytest.fixture
def windows(monkeypatch):
    """Sorted windows, which small pools would not be worth."""
    monkeypatch.setattr(zcore_index, "_WINDOWS_FROM", 0)
    monkeypatch.setattr(zcore_index, "_USES", 0)


def plain_loop(rows, *, n_sample, sample_dim, seed, redund_nn, redund_exp, eps=0.0):
    """The algorithm of arXiv 2411.15349 word by word, with a full sort: what the quick one must equal."""
    pool = PoolRows.read(rows, None, as_given=False)
    order, columns = pool.places, pool.columns()
    embeddings, scores = columns.T, np.zeros(len(rows))
    draws = counter_draws(seed, range(n_sample), Spread.of(columns), min(sample_dim, len(columns)))
    for dim, point in zip(*draws, strict=True):
        nearest = int(np.argmin(np.sum(np.abs(embeddings[:, dim] - point), axis=1)))
        scores[nearest] += 1
        distance = np.abs(embeddings[:, dim[0]] - embeddings[nearest, dim[0]])
        for each in dim[1:]:  # one after the other: np.sum adds more than eight in pairs
            distance = distance + np.abs(embeddings[:, each] - embeddings[nearest, each])
        others = np.lexsort([np.arange(len(rows)), distance])
        assert others[0] == nearest
        others = others[1:]
        if distance[others[0]] == 0:
            scores[others[0]] -= 1
            continue
        others = others[:redund_nn]
        share = 1 / (distance[others].astype(np.float64) ** redund_exp + eps)
        scores[others] -= share / share.sum()
    back = np.empty(len(rows))
    back[order] = scores
    return (back - back.min()) / ((back.max() - back.min()) or 1.0)


def tutorial(rows, *, n_sample, sample_dim, seed, redund_nn, redund_exp, eps):
    """The loop of FiftyOne's tutorial with numpy's global random numbers; benchmarks run what it does with a draw."""
    assert redund_exp == 4
    np.random.seed(seed)  # noqa: NPY002
    scores = np.random.uniform(0, 1, len(rows))  # noqa: NPY002
    spread = rows.min(axis=0), np.median(rows, axis=0), rows.max(axis=0)
    chosen = []
    for _ in range(n_sample):
        dim = np.random.choice(rows.shape[1], sample_dim, replace=False)  # noqa: NPY002
        point = np.random.triangular(*(values[dim] for values in spread))  # noqa: NPY002
        chosen.append(published_draw(rows, dim, point, redund_nn, scores, eps=eps))
    return chosen, between_0_and_1(scores)


def between_0_and_1(scores):
    return ((scores - scores.min()) / (scores.max() - scores.min())).astype(np.float32)


def clustered(count, dims):
    rng = np.random.default_rng(9)
    return (rng.normal(size=(12, dims))[rng.integers(0, 12, count)] + rng.normal(scale=0.1, size=(count, dims))).astype(
        np.float32
    )


DATA = {
    "gaussian": unit_rows(300, 20),
    "clustered": clustered(500, 16),
    "large": unit_rows(5000, 6),  # so many that the reach of the neighbours is guessed first
    "float64": unit_rows(100, 7).astype(np.float64),
    "half are copies": np.repeat(unit_rows(60, 8), 2, axis=0),
    "coarse values, many ties": np.round(unit_rows(400, 6) * 8) / 8,
    "two values": (unit_rows(200, 5) > 0).astype(np.float32),
    "one far away": np.vstack([unit_rows(100, 5), np.full((1, 5), 1e6, dtype=np.float32)]),
    "rectified": np.maximum(unit_rows(300, 6), 0),
    "constant dimensions": np.hstack([unit_rows(100, 4), np.ones((100, 3), dtype=np.float32)]),
    "a few rows": unit_rows(4, 5),
    "two rows": unit_rows(2, 5),
}


RULES = {
    "paper": PAPER | {"sample_dim": 2},
    "tutorial": PAPER | {"sample_dim": 2, "eps": 1e-8},
    "a large eps and another exponent": {"redund_nn": 10, "redund_exp": 2, "sample_dim": 2, "eps": 1e-3},
    "three dimensions": {"redund_nn": 100, "redund_exp": 2, "sample_dim": 3},
    "one dimension": {"redund_nn": 1, "redund_exp": 4, "sample_dim": 1},
    "all dimensions": PAPER | {"sample_dim": 99},
    "a broken exponent": {"redund_nn": 5, "redund_exp": 2.5, "sample_dim": 2},
}


@pytest.mark.parametrize("rows", DATA.values(), ids=DATA)
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_scores_equal_a_plain_loop(rows, rules):
    settings = rules | {"n_sample": 60, "seed": 3}
    np.testing.assert_allclose(zcore_scores(rows, **settings), plain_loop(rows, **settings), atol=1e-6)


@pytest.mark.parametrize("rows", DATA.values(), ids=DATA)
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_windows_find_the_same_to_the_last_bit_as_a_scan(rows, rules, windows, monkeypatch):
    settings = rules | {"n_sample": 60, "seed": 3}
    by_window = zcore_scores(rows, **settings)
    monkeypatch.setattr(zcore_index, "_WINDOWS_FROM", len(rows) + 1)
    np.testing.assert_array_equal(by_window, zcore_scores(rows, **settings))


@pytest.mark.parametrize("rows", DATA.values(), ids=DATA)
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_many_draws_at_once_give_the_same_to_the_last_bit_as_one_by_one(rows, rules, monkeypatch):
    settings = rules | {"n_sample": 60, "seed": 3}
    together = zcore_scores(rows, **settings)
    monkeypatch.setattr(zcore_rules, "_FEW", 0)
    np.testing.assert_array_equal(together, zcore_scores(rows, **settings))


@pytest.mark.parametrize("values", [1, 700, 1 << 16])
@pytest.mark.parametrize("rows", DATA.values(), ids=DATA)
def test_the_spread_is_that_of_each_dimension_however_many_are_looked_at_together(rows, values, monkeypatch):
    monkeypatch.setattr(zcore_draws, "_BLOCK", values)
    found = Spread.of(np.ascontiguousarray(rows.T))
    for name, f in (("low", np.min), ("middle", np.median), ("high", np.max)):
        assert getattr(found, name).dtype == np.float64
        np.testing.assert_array_equal(getattr(found, name), f(rows, axis=0))


def test_windows_are_used_at_all(windows):
    index = PoolIndex.build(np.ascontiguousarray(unit_rows(5000, 6).T), neighbours=20, uses=100, threads=1)
    centre = index.columns[[0, 1], 7]
    assert len(index._window([0, 1], centre, 0.01)[0]) < 500
    images, distances = index.around([0, 1], 7, 20)
    assert 20 <= len(images) < 200
    whole = np.abs(index.columns[[0, 1]] - centre[:, None]).sum(axis=0)
    assert np.sort(distances)[:20].tolist() == np.sort(whole)[:20].tolist()


@pytest.mark.parametrize("within", [1, 19, 20])
def test_a_window_that_holds_too_few_of_the_nearest_is_widened(within, windows, monkeypatch):
    index = PoolIndex.build(np.ascontiguousarray(unit_rows(5000, 6).T), neighbours=20, uses=100, threads=1)
    far = np.sort(np.abs(index.columns[[0, 1]] - index.columns[[0, 1], 7][:, None]).sum(axis=0))
    monkeypatch.setattr(PoolIndex, "_radius", lambda *_: float(far[within - 1 : within + 1].mean()))
    images, distances = index.around([0, 1], 7, 20)
    assert 20 <= len(images) < 200
    assert np.sort(distances)[:20].tolist() == far[:20].tolist()


@pytest.mark.parametrize("eps", [0.0, 1e-8])
@pytest.mark.parametrize("rows", [unit_rows(300, 20), clustered(500, 16), unit_rows(3000, 6)])
def test_the_stream_of_numpy_gives_the_scores_of_the_tutorial(rows, eps, windows):
    settings = PAPER | {"n_sample": 200, "sample_dim": 2, "seed": 42, "eps": eps}
    chosen, expected = tutorial(rows, **settings)
    np.testing.assert_allclose(zcore_scores(rows, **settings, stream="numpy"), expected, atol=1e-6)
    columns = np.ascontiguousarray(rows.T)
    index = PoolIndex.build(columns, neighbours=11, uses=100, threads=1)
    _, draws = numpy_draws(42, 200, Spread.of(columns), 2, len(rows))
    assert [index.nearest(dims, point) for dims, point in zip(*draws, strict=True)] == chosen


@pytest.mark.parametrize("rows", [unit_rows(300, 20), clustered(500, 16)])
def test_scores_equal_the_loop_that_benchmarks_compare_with(rows):
    draws = counter_draws(9, range(200), Spread.of(np.ascontiguousarray(rows.T)), 2)
    expected = between_0_and_1(published(rows, *draws, PAPER["redund_nn"]))
    np.testing.assert_allclose(score(rows, seed=9, eps=1e-8), expected, atol=1e-6)


def test_the_stream_of_numpy_has_an_answer_where_dimensions_are_constant():
    rows = np.hstack([unit_rows(50, 3), np.ones((50, 3), dtype=np.float32)])
    assert np.isfinite(score(rows, stream="numpy")).all()


def test_with_the_eps_of_the_tutorial_nearly_all_neighbours_on_unit_vectors_share_alike():
    """Told is the effective number of those that share a penalty, 1 / Σ share²."""
    columns = np.ascontiguousarray(mixture(40_000, 512).T[:20])
    index = PoolIndex.build(columns, neighbours=101, uses=0, threads=1)
    draws = counter_draws(0, range(200), Spread.of(columns), 2)

    def sharing(eps):
        told = []
        for dims, point in zip(*draws, strict=True):
            rewarded = index.nearest(dims, point)
            images, distances = _nearest(*index.around(dims, rewarded, 101), 101)
            others = distances[images != rewarded].astype(np.float64)
            told.append(1 / np.sum((_shares(others, Redundancy(100, 4, eps)) / ONE) ** 2))
        return np.median(told)

    assert 2 < sharing(0.0) < 3.5
    assert sharing(1e-8) > 97


# -- the same to the last bit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 8])
@pytest.mark.parametrize("stream", ["counter", "numpy"])
def test_threads_and_the_size_of_their_work_do_not_matter(windows, threads, stream, monkeypatch):
    rows = unit_rows(600, 8)
    alone = score(rows, n_sample=300, threads=1, stream=stream)
    monkeypatch.setattr(zcore_run, "_BLOCK", 37)
    np.testing.assert_array_equal(score(rows, n_sample=300, threads=threads, stream=stream), alone)


@pytest.mark.parametrize("name", ["gaussian", "coarse values, many ties", "two values", "rectified", "float64"])
def test_the_order_of_rows_does_not_matter(name, windows):
    """Ties are between images, not between rows; images that are equal in everything may change places."""
    rows = np.unique(DATA[name], axis=0)
    order = np.random.default_rng(1).permutation(len(rows))
    np.testing.assert_array_equal(score(rows[order], n_sample=500), score(rows, n_sample=500)[order])


def test_parts_of_the_draws_add_up_in_any_order():
    columns = np.ascontiguousarray(unit_rows(400, 6).T)
    index = PoolIndex.build(columns, neighbours=11, uses=1, threads=1)
    spread, redundancy = Spread.of(columns), Redundancy(10, 4)

    def sums(first, last):
        return score_draws(index, counter_draws(7, range(first, last), spread, 2), redundancy)

    whole = sums(0, 600)
    np.testing.assert_array_equal(sums(500, 600) + sums(0, 17) + sums(17, 500), whole)
    assert abs(whole.sum()) < 600 * 10  # what is given is taken, up to rounding
    assert whole.max() > ONE // 4


@pytest.mark.parametrize("count", [0, 1, 2, 5, 50])
def test_scores_are_float32_between_0_and_1(count):
    scores = score(unit_rows(count, 8))
    assert scores.shape == (count,)
    assert scores.dtype == np.float32
    if count > 1:
        assert (scores.min(), scores.max()) == (0.0, 1.0)


@pytest.mark.parametrize("rows", [np.zeros((0, 0)), np.ones((5, 0)), np.ones((5, 3))])
def test_nothing_to_tell_images_apart_still_gives_a_score_each(rows):
    assert len(score(rows)) == len(rows)


def test_same_seed_same_scores_other_seed_other_scores():
    rows = unit_rows(200, 12)
    np.testing.assert_array_equal(score(rows), score(rows))
    assert not np.array_equal(score(rows), score(rows, seed=52))


def test_no_global_random_state_is_touched_or_used():
    """Defect (a) of the published guides: np.random.seed for the whole process."""
    rows = unit_rows(50, 6)
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = score(rows)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(score(rows), first)


def test_embeddings_are_not_changed():
    rows = unit_rows(50, 6)
    before = rows.copy()
    score(rows)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_no_numbers_are_refused_by_name(bad):
    """Defect (i) of the published guides: samples without an embedding vanish without a word."""
    rows = unit_rows(20, 6)
    rows[[3, 17], 2] = bad
    with pytest.raises(LabelError, match="2 embeddings hold NaN or infinity: rows 3, 17"):
        score(rows)


def test_many_bad_rows_are_counted_and_the_first_ten_named():
    with pytest.raises(LabelError, match=r"20 embeddings .* rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"):
        score(np.full((20, 3), np.nan))


def test_close_neighbours_do_not_underflow():
    rows = np.array([[0.0, 0.0], [1e-90, 1e-90], [1e-80, 0.0], [1.0, 1.0], [0.5, 0.2]])
    scores = score(rows, redund_nn=4)
    assert np.isfinite(scores).all()


def test_vectors_in_float64_are_told_apart_where_float32_would_not():
    rows = 1 + 1e-10 * unit_rows(50, 4).astype(np.float64)
    assert score(rows).max() == 1
    assert not score(rows.astype(np.float32)).any()


def test_the_sign_of_zero_does_not_matter():
    rows = np.maximum(unit_rows(300, 6), 0)
    signed = np.where((rows == 0) & (unit_rows(300, 6, seed=1) < 0), np.float32(-0.0), rows)
    assert np.signbit(signed).any()
    np.testing.assert_array_equal(score(signed), score(rows))


def test_constant_dimensions_are_never_drawn():
    """In two of them all images coincide, and every such draw would reward the first row for nothing."""
    rows = np.hstack([unit_rows(80, 4), np.ones((80, 60), dtype=np.float32)])
    np.testing.assert_array_equal(score(rows), score(rows[:, :4]))


def test_of_two_copies_only_one_is_worth_labelling():
    rows = np.repeat(unit_rows(30, 10), 2, axis=0)
    scores = score(rows, n_sample=3000).reshape(30, 2)
    assert (scores[:, 0] > scores[:, 1]).all()


def test_rare_images_score_higher_than_crowded_ones():
    rng = np.random.default_rng(0)
    crowd, rare = rng.normal(scale=0.01, size=(180, 8)), rng.normal(scale=1.0, size=(20, 8))
    scores = score(np.vstack([crowd, rare]), n_sample=2000)
    assert scores[180:].mean() > scores[:180].mean() + 0.2


def test_progress_is_told_from_0_to_the_end():
    told = []
    score(unit_rows(5, 4), n_sample=2500, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 2500), (1000, 2500), (2000, 2500), (2500, 2500)]


@pytest.mark.parametrize("threads", [1, 2])
def test_whoever_is_told_may_end_the_work(threads):
    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(unit_rows(50, 4), n_sample=50_000, threads=threads, on_progress=stop)


@pytest.mark.parametrize("count", [1, 2, 40, 41, 150, 6400])
@pytest.mark.parametrize("stride", [1, 16, 17])
def test_the_nearest_are_found_wherever_they_lie(count, stride):
    """Also where every sixteenth image is much nearer than the rest, which a sample of every sixteenth cannot see."""
    distances = np.full(6400, 7.0)
    distances[::stride] = np.linspace(0.0, 1.0, len(distances[::stride]))
    expected = np.argsort(distances, kind="stable")[:count]
    found, at = _nearest(np.arange(6400), distances, count)
    np.testing.assert_array_equal(np.sort(found), np.sort(expected))
    np.testing.assert_array_equal(at, distances[found])


def test_draws_are_uniform_subsets_without_repetition():
    dims, _ = counter_draws(0, range(20_000), Spread(np.zeros(5), np.ones(5), np.full(5, 2.0)), 2)
    pairs = np.sort(dims, axis=1)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    counts = np.unique(pairs @ [5, 1], return_counts=True)[1]
    assert len(counts) == 10
    assert abs(counts - 2000).max() < 200


def test_points_are_triangular_with_the_median_as_mode():
    spread = Spread(np.array([-1.0]), np.array([0.0]), np.array([3.0]))
    _, points = counter_draws(5, range(40_000), spread, 1)
    reference = np.random.default_rng(0).triangular(-1, 0, 3, 40_000)
    quantiles = np.linspace(0.01, 0.99, 21)
    np.testing.assert_allclose(np.quantile(points, quantiles), np.quantile(reference, quantiles), atol=0.04)
    assert points.min() >= -1
    assert points.max() <= 3


@pytest.mark.parametrize("seed", [0, 51, 2**64 - 1, 2**70 + 3])
def test_a_draw_follows_from_the_seed_and_its_number(seed):
    spread = Spread(np.zeros(9), np.ones(9), np.full(9, 2.0))
    whole, part = counter_draws(seed, range(100), spread, 3), counter_draws(seed, range(40, 60), spread, 3)
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_array_equal(one[40:60], other)
    assert not np.array_equal(whole[1], counter_draws(seed + 1, range(100), spread, 3)[1])


@pytest.mark.parametrize("step", [0x9E3779B97F4A7C15, 1 << 32, 1])
def test_the_draws_of_no_seed_are_those_of_another_some_places_on(step):
    """Numbers of a draw are made from a counter: two seeds must not begin a few counts apart."""
    spread = Spread(np.zeros(9), np.ones(9), np.full(9, 2.0))
    one, other = (counter_draws(seed, range(200), spread, 2)[1] for seed in (7, (7 + 4 * step) % 2**64))
    assert not set(one.ravel()) & set(other.ravel())
