import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from labelloop.core import zcore_compiled, zcore_jit, zcore_run
from labelloop.core.zcore import zcore_scores
from labelloop.core.zcore_compiled import CompiledPool, pays
from labelloop.core.zcore_draws import Spread, by_tile, counter_draws
from labelloop.core.zcore_index import PoolIndex
from labelloop.core.zcore_kernels_search import _AHEAD, _CACHED, Room, _beside
from labelloop.core.zcore_rules import ONE, Redundancy, score_draws
from labelloop_tests.core.builders import unit_rows
from labelloop_tests.core.test_zcore import DATA, RULES, clustered

MORE = {
    "identical": np.ones((60, 5), dtype=np.float32),
    "half of them in one place": np.vstack([np.zeros((200, 5), dtype=np.float32), unit_rows(200, 5)]),
    "zeros of either sign": np.copysign(np.maximum(unit_rows(300, 5), 0), unit_rows(300, 5, seed=1)),
    "one far away among many": np.vstack([clustered(4000, 4), np.full((1, 4), 1e6, dtype=np.float32)]),
    "so small that they have no logarithm": unit_rows(200, 4) * np.float32(1e-40),
    "as large as can be told apart": unit_rows(50, 4) * np.float32(3e37),
    "as many as are scanned": unit_rows(3000, 3),
    "half the neighbours": clustered(150, 6),
}
# Kernels of another precision are another compile.
POOLS = [
    pytest.param(rows, id=name, marks=[pytest.mark.slow] if rows.dtype == np.float64 else [])
    for name, rows in (DATA | MORE).items()
]


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    """Kernels also where they would not be worth a compile."""
    monkeypatch.setattr(zcore_compiled, "pays", lambda columns, redundancy, draws, workers: True)


def both(rows, redundancy, *, size, draws=60):
    """Sums of numpy and of the kernels for the same draws."""
    columns = np.ascontiguousarray(rows.T)
    size = min(size, len(columns))
    drawn = counter_draws(3, range(draws), Spread.of(columns), size)
    redundancy = Redundancy(min(redundancy.neighbours, len(rows) - 1), redundancy.exponent, redundancy.eps)
    index = PoolIndex.build(columns, neighbours=redundancy.neighbours + 1, uses=0, threads=1)
    pool = CompiledPool.build(columns, 1)
    return score_draws(index, drawn, redundancy), pool.score(drawn, redundancy), pool.score(by_tile(drawn), redundancy)


@pytest.fixture(params=["windows", "scans"])
def search(request, monkeypatch):
    monkeypatch.setattr(zcore_compiled, "_SCAN_TO", 0 if request.param == "windows" else 10_000)


@pytest.mark.parametrize("rows", POOLS)
@pytest.mark.parametrize("rules", [rules for rules in RULES.values() if rules["redund_exp"] != 2.5])
def test_kernels_give_the_sums_of_numpy_to_the_last_bit(rows, rules, search):
    redundancy = Redundancy(rules["redund_nn"], rules["redund_exp"], rules.get("eps", 0.0))
    expected, found, tiled = both(rows, redundancy, size=rules["sample_dim"])
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(tiled, expected)


@pytest.mark.parametrize("exponent", [1, 3, 7, 64])
@pytest.mark.parametrize("neighbours", [0, 1, 299, 150])
def test_kernels_give_the_sums_of_numpy_for_any_exponent_and_number(exponent, neighbours, search):
    expected, found, _ = both(unit_rows(300, 20), Redundancy(neighbours, exponent), size=2)
    np.testing.assert_array_equal(found, expected)
    assert found.max() > ONE // 4


@pytest.mark.parametrize("images", [3001, 20_000])
@pytest.mark.parametrize("name", ["gaussian", "clustered", "rectified", "coarse"])
def test_kernels_give_the_sums_of_numpy_in_larger_pools(images, name):
    rows = clustered(images, 8) if name == "clustered" else unit_rows(images, 8)
    rows = np.maximum(rows, 0) if name == "rectified" else np.round(rows * 64) / 64 if name == "coarse" else rows
    expected, found, _ = both(rows.astype(np.float32), Redundancy(images // 40, 4), size=2)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["gaussian", "coarse"])
def test_kernels_give_the_sums_of_numpy_where_they_ask_ahead_for_what_the_cache_does_not_hold(name):
    rows = unit_rows(_CACHED + 7, 3)
    rows = np.round(rows * 512).astype(np.float32) / 512 if name == "coarse" else rows
    expected, found, _ = both(rows, Redundancy(1000, 4), size=2, draws=12)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("images", [20, 2000, _CACHED + 7])
@pytest.mark.parametrize("looked_at", [1, _AHEAD - 1, 3 * _AHEAD])
def test_of_a_window_each_image_is_looked_at_once_and_the_near_ones_stay_in_order(images, looked_at):
    column = np.arange(images, dtype=np.float32)
    window = np.random.default_rng(0).integers(0, images, looked_at).astype(np.uint32)
    spare, places = np.empty(images), images + looked_at
    room = Room(np.empty(places, np.uint32), np.empty(places, np.float32), spare, spare.view(np.int64))
    for limit in (np.float32(images), np.float32(images // 3)):
        found = _beside(column, window, np.float32(5), limit, room)
        np.testing.assert_array_equal(room.near[:found], window[np.abs(column[window] - 5) <= limit])


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("stream", ["counter", "numpy"])
@pytest.mark.parametrize(
    "name", ["large", "half are copies", "constant dimensions", pytest.param("float64", marks=pytest.mark.slow)]
)
def test_scores_are_those_of_numpy_for_any_number_of_threads(name, stream, threads, monkeypatch):
    monkeypatch.setattr(zcore_run, "_BLOCK", 37)
    monkeypatch.setattr(zcore_run, "_SPAN", 111)
    settings = {"n_sample": 500, "redund_nn": 10, "stream": stream, "threads": threads}
    found = zcore_scores(DATA[name], **settings)
    monkeypatch.setattr(zcore_compiled, "pays", lambda columns, redundancy, draws, workers: False)
    np.testing.assert_array_equal(found, zcore_scores(DATA[name], **settings))


@pytest.mark.parametrize("rows", POOLS)
def test_what_sorting_tells_of_the_spread_is_what_numpy_says(rows, search):
    columns = np.ascontiguousarray(rows.T)
    found, expected = CompiledPool.build(columns, 2).spread, Spread.of(columns)
    for name in ("low", "middle", "high"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("rows", POOLS)
def test_images_are_sorted_by_value_and_number(rows, monkeypatch):
    monkeypatch.setattr(zcore_compiled, "_SCAN_TO", 0)
    columns = np.ascontiguousarray(rows.T)
    np.testing.assert_array_equal(CompiledPool.build(columns, 2).orders, np.argsort(columns, axis=1, kind="stable"))


@pytest.mark.parametrize("threads", [1, 2])
def test_whoever_is_told_may_end_the_work(threads):
    told = []

    def stop(done, total):
        told.append(done)
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        zcore_scores(unit_rows(50, 4), n_sample=50_000, threads=threads, on_progress=stop)
    assert told == [0, 1000]


def test_neighbouring_draws_look_at_the_same_dimensions():
    dims, points = counter_draws(0, range(5000), Spread(np.zeros(64), np.ones(64), np.full(64, 2.0)), 2)
    tiled, moved = by_tile((dims, points))
    together, before = ({tuple(pair) for pair in some[:100] // 2} for some in (tiled, dims))
    assert 4 * len(together) < len(before)
    assert len(np.unique(tiled[:100].min(axis=1))) < 5
    assert sorted(map(tuple, np.hstack([dims, points]))) == sorted(map(tuple, np.hstack([tiled, moved])))


@pytest.fixture
def kept_nowhere_else(tmp_path, monkeypatch):
    """A cache of its own."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


# -- where it pays ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "draws", "workers", "there", "worth"),
    [
        (100, 10_000, 1, True, False),
        (1000, 10_000, 1, True, False),
        (10_000, 8_000, 1, True, False),  # sorting takes what would be saved
        (10_000, 10_000, 1, True, True),
        (10_000, 10_000, 1, False, False),
        (10_000, 50_000, 1, True, True),
        (10_000, 50_000, 1, False, False),
        (100_000, 10_000, 2, False, False),
        (100_000, 10_000, 2, True, True),
        (100_000, 100_000, 2, False, True),
        (100_000, 100_000, 8, False, False),
        (1_000_000, 100, 2, True, False),
        (1_000_000, 100_000, 4, False, True),
    ],
)
def test_nobody_pays_a_compile_that_is_not_earned(images, draws, workers, there, worth, monkeypatch, kept_nowhere_else):
    monkeypatch.setattr(zcore_compiled, "were_compiled", lambda kind: there)
    columns = np.broadcast_to(np.float32(0), (512, images))
    assert pays(columns, Redundancy(100, 4), draws, workers) is worth


def test_a_compile_is_earned_by_several_jobs_together(kept_nowhere_else):
    """Each would have been quicker by about three seconds; those that would not even earn the loading do not count."""
    large, small = (np.broadcast_to(np.float32(0), (512, images)) for images in (100_000, 1000))
    assert not any(pays(small, Redundancy(100, 4), 10_000, 1) for _ in range(100))
    assert [pays(large, Redundancy(100, 4), 10_000, 1) for _ in range(5)] == [False] * 4 + [True]


def test_kernels_of_another_precision_are_another_compile(kept_nowhere_else):
    zcore_jit.note_compiled(np.dtype(np.float32))
    columns = np.zeros((2, 10_000), dtype=np.float64)
    assert pays(columns.astype(np.float32), Redundancy(100, 4), 50_000, 1)
    assert not pays(columns, Redundancy(100, 4), 50_000, 1)


def test_powers_that_are_not_multiplied_out_stay_with_numpy(kept_nowhere_else):
    columns = np.broadcast_to(np.float32(0), (512, 1_000_000))
    assert pays(columns, Redundancy(100, 4.0), 1_000_000, 1)
    assert not pays(columns, Redundancy(100, 4.5), 1_000_000, 1)
    assert not pays(columns, Redundancy(100, 65), 1_000_000, 1)


SMALL_KERNEL = """
from pathlib import Path
import sys
from labelloop.core.zcore_kernels_search import below
import numpy as np
assert below(np.arange(4.0), 2.5) == 3
print(below.stats.cache_hits[below.signatures[0]] if below.stats.cache_hits else 0)
"""


def kernel_in_new_process(**environment):
    done = subprocess.run(
        [sys.executable, "-c", SMALL_KERNEL], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_what_is_compiled_is_kept_beside_no_code(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code = Path(zcore_jit.__file__).parent
    before = set(code.rglob("*.nb*"))
    assert kernel_in_new_process() == 0
    assert kernel_in_new_process() == 1
    assert set(code.rglob("*.nb*")) == before
    assert [path.parent.name for path in tmp_path.iterdir() if path.name == "labelloop"] == [tmp_path.name]


def test_where_nothing_can_be_kept_each_process_compiles_for_itself(tmp_path, monkeypatch):
    blocked = tmp_path / "a file"
    blocked.touch()
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert zcore_jit.cache_folder() is None
    assert not zcore_jit.were_compiled(np.dtype(np.float32))
    assert zcore_jit.owed(np.dtype(np.float32), 3.0) == 3.0
    assert kernel_in_new_process() == 0
