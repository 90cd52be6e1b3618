import numpy as np
import pytest

from labelloop.core.errors import LabelError
from labelloop.core.zcore import Redundancy, _draws, _nearest, _subsets, _varying_columns, zcore_scores
from labelloop_tests.core.builders import unit_rows

PAPER = Redundancy(neighbours=10, exponent=4)


def score(rows, redundancy=PAPER, *, n_sample=200, sample_dim=2, seed=51, **more):
    return zcore_scores(rows, redundancy, n_sample=n_sample, sample_dim=sample_dim, seed=seed, **more)


def plain_loop(rows, redundancy, *, n_sample, sample_dim, seed):
    """The algorithm of arXiv 2411.15349 word by word, with a full sort: what the quick one must equal."""
    columns = _varying_columns(rows)
    rng = np.random.default_rng(seed)
    scores = rng.random(len(rows))
    dims, points = _draws(columns, n_sample, sample_dim, rng)
    embeddings = columns.T
    for dim, point in zip(dims, points, strict=True):
        nearest = int(np.argmin(np.sum(np.abs(embeddings[:, dim] - point), axis=1)))
        scores[nearest] += 1
        distance = np.sum(np.abs(embeddings[:, dim] - embeddings[nearest, dim]), axis=1)
        order = np.lexsort([np.arange(len(rows)), distance])
        assert order[0] == nearest
        others = order[1:]
        if distance[others[0]] == 0:
            scores[others[0]] -= 1
            continue
        others = others[: redundancy.neighbours]
        share = 1 / (distance[others] ** redundancy.exponent + redundancy.eps)
        scores[others] -= share / share.sum()
    return (scores - scores.min()) / (scores.max() - scores.min())


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


@pytest.mark.parametrize("rows", DATA.values(), ids=DATA)
@pytest.mark.parametrize(
    ("redundancy", "sample_dim"),
    [(PAPER, 2), (Redundancy(10, 4, eps=1e-8), 2), (Redundancy(100, 2), 3), (Redundancy(1, 4), 1), (PAPER, 99)],
    ids=["paper", "tutorial", "three dimensions", "one dimension", "all dimensions"],
)
def test_scores_equal_a_plain_loop(rows, redundancy, sample_dim):
    settings = {"n_sample": 60, "sample_dim": sample_dim, "seed": 3}
    quick = zcore_scores(rows, redundancy, **settings)
    np.testing.assert_allclose(quick, plain_loop(rows, redundancy, **settings), atol=1e-6)


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
    scores = score(rows, Redundancy(4, 4))
    assert np.isfinite(scores).all()


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


@pytest.mark.parametrize("count", [1, 2, 40, 41, 150, 6400])
@pytest.mark.parametrize("stride", [1, 16, 17])
def test_the_nearest_are_found_wherever_they_lie(count, stride):
    """Also where every sixteenth image is much nearer than the rest, which a sample of every sixteenth cannot see."""
    distances = np.full(6400, 7.0)
    distances[::stride] = np.linspace(0.0, 1.0, len(distances[::stride]))
    expected = np.argsort(distances, kind="stable")[:count]
    np.testing.assert_array_equal(np.sort(_nearest(distances, count)), np.sort(expected))


def test_subsets_are_uniform_and_without_repetition():
    subsets = _subsets(5, 2, 20_000, np.random.default_rng(0))
    pairs = np.sort(subsets, axis=1)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    counts = np.unique(pairs @ [5, 1], return_counts=True)[1]
    assert len(counts) == 10
    assert abs(counts - 2000).max() < 200
