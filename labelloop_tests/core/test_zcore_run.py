"""How ZCore is computed: from where on, in what order, in how much memory, by whom. The scores never depend on it."""

import itertools
import mmap
import sys
from dataclasses import replace

import numpy as np
import pytest

from labelloop.core import paging, zcore_compiled, zcore_rows, zcore_run
from labelloop.core.engine import Threads
from labelloop.core.zcore import zcore_scores
from labelloop.core.zcore_draws import Spread, by_tile, counter_draws
from labelloop.core.zcore_rows import PoolRows
from labelloop.core.zcore_run import Execution, Kept, Order, piece_size
from labelloop_tests.core.builders import unit_rows

ROWS = unit_rows(3500, 40)
SETTINGS = {"n_sample": 700, "redund_nn": 15, "seed": 5}


class KilledError(Exception):
    """Stands for the end of a process."""


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(zcore_run, "_BLOCK", 50)
    monkeypatch.setattr(zcore_run, "_SPAN", 300)


@pytest.fixture(params=[False, True], ids=["numpy", "compiled"])
def compiled(request, monkeypatch):
    monkeypatch.setattr(zcore_compiled, "pays", lambda *_: request.param)
    return request.param


def killed_at(done, **more):
    """What a computation had kept when it was killed."""
    kept = []

    def keep(so_far):
        kept.append(replace(so_far, sums=so_far.sums.copy()))

    def die(reached, _total):
        if reached >= done:
            raise KilledError

    with pytest.raises(KilledError):
        zcore_scores(ROWS, **SETTINGS, **more, on_progress=die, execution=Execution(keep=keep))
    return kept[-1]


def in_files(folder):
    def make(shape, kind):
        path = folder / f"{len(list(folder.iterdir()))}.bin"
        return np.memmap(path, dtype=kind, mode="w+", shape=shape)

    return make


# -- from where on ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["counter", "numpy"])
@pytest.mark.parametrize("done", [50, 300, 450, 700])
def test_a_computation_that_was_killed_goes_on_where_it_was(done, stream, compiled):
    kept = killed_at(done, stream=stream)
    assert kept.done == done
    told = []
    found = zcore_scores(
        ROWS, **SETTINGS, stream=stream, execution=Execution(kept=kept), on_progress=lambda *now: told.append(now)
    )
    assert told[0] == (done, 700)
    assert len(told) == 1 + (700 - done) // 50
    np.testing.assert_array_equal(found, zcore_scores(ROWS, **SETTINGS, stream=stream))


def test_what_numpy_left_is_finished_by_kernels_and_the_other_way_round(monkeypatch):
    expected = zcore_scores(ROWS, **SETTINGS)
    for first in (False, True):
        monkeypatch.setattr(zcore_compiled, "pays", lambda *_, first=first: first)
        kept = killed_at(350)
        monkeypatch.setattr(zcore_compiled, "pays", lambda *_, first=first: not first)
        np.testing.assert_array_equal(zcore_scores(ROWS, **SETTINGS, execution=Execution(kept=kept)), expected)


def test_what_was_kept_is_not_changed_by_going_on():
    kept = killed_at(350)
    before = kept.sums.copy()
    zcore_scores(ROWS, **SETTINGS, execution=Execution(kept=kept))
    np.testing.assert_array_equal(kept.sums, before)


@pytest.mark.parametrize("wrong", [{"order": "another"}, {"sums": np.zeros(3, dtype=np.int64)}])
def test_what_belongs_to_another_computation_is_not_added(wrong):
    kept = replace(killed_at(350), **wrong)
    told = []
    found = zcore_scores(ROWS, **SETTINGS, execution=Execution(kept=kept), on_progress=lambda *now: told.append(now))
    assert told[0] == (0, 700)
    np.testing.assert_array_equal(found, zcore_scores(ROWS, **SETTINGS))


@pytest.mark.parametrize("done", [350, 650])
def test_another_number_of_draws_is_another_order(done):
    kept = killed_at(done)
    found = zcore_scores(ROWS, **(SETTINGS | {"n_sample": 690}), execution=Execution(kept=kept))
    np.testing.assert_array_equal(found, zcore_scores(ROWS, **(SETTINGS | {"n_sample": 690})))


def test_draws_that_look_at_more_dimensions_are_put_in_order_in_fewer_at_a_time():
    """So that they take as much memory; what was kept of another span is another order."""
    assert [Order(None, 700, 0, size).span for size in (1, 2, 3, 8, 100)] == [600, 300, 200, 75, 50]
    assert Order(None, 700, 8, size=8).span == 700
    more = {"sample_dim": 8}
    kept = killed_at(350, **more)
    told = []
    found = zcore_scores(
        ROWS, **SETTINGS, **more, execution=Execution(kept=kept), on_progress=lambda *now: told.append(now)
    )
    assert told[0] == (kept.done, 700)
    np.testing.assert_array_equal(found, zcore_scores(ROWS, **SETTINGS, **more))
    old = replace(kept, order=Order(None, 700, 0).name)
    np.testing.assert_array_equal(zcore_scores(ROWS, **SETTINGS, **more, execution=Execution(kept=old)), found)


@pytest.mark.parametrize("start", [0, 50, 130, 300, 699, 700])
@pytest.mark.parametrize("tile", [0, 8])
def test_the_draws_from_a_place_on_are_the_rest_of_all_draws(start, tile):
    spread = Spread(np.zeros(40), np.ones(40), np.full(40, 2.0))
    order = Order(lambda block: counter_draws(1, block, spread, 2), 700, tile)
    pieces = list(order.pieces(0, 50))
    assert not tile or all(len(np.unique(np.sort(dims, axis=1) // tile, axis=0)) == 1 for dims, _ in pieces)
    whole = np.concatenate([points for _, points in pieces])
    assert sorted(map(tuple, whole)) == sorted(map(tuple, counter_draws(1, range(700), spread, 2)[1]))
    for size in (50, 500):
        rest = [points for _, points in order.pieces(start, size)]
        np.testing.assert_array_equal(np.concatenate([np.empty((0, 2)), *rest]), whole[start:])


# -- in how much memory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("threads", [None, 3])
def test_a_pool_in_files_scores_the_same_to_the_last_bit(tmp_path, monkeypatch, compiled, kind, threads):
    if compiled and kind == np.float64:
        pytest.skip("kernels of another precision are another compile")
    monkeypatch.setattr(Execution, "tile_of", lambda self, pool: 8)
    rows = ROWS.astype(kind)
    np.save(tmp_path / "rows.npy", rows)
    (tmp_path / "scratch").mkdir()
    found = zcore_scores(
        np.load(tmp_path / "rows.npy", mmap_mode="r"), **SETTINGS, threads=threads,
        execution=Execution(make=in_files(tmp_path / "scratch")),
    )  # fmt: skip
    assert len(list((tmp_path / "scratch").iterdir())) == 1 + compiled
    monkeypatch.undo()
    np.testing.assert_array_equal(found, zcore_scores(rows, **SETTINGS))


def test_draws_of_a_tile_come_together_and_one_of_two_tiles_stays():
    spread = Spread(np.zeros(64), np.ones(64), np.full(64, 2.0))
    dims, _ = by_tile(counter_draws(0, range(5000), spread, 2), 16)
    pairs = [tuple(sorted(pair)) for pair in (dims // 16).tolist()]
    visits = [pair for at, pair in enumerate(pairs) if not at or pairs[at - 1] != pair]
    assert len(visits) == len(set(visits)) == 10
    assert sum(bool(set(one) & set(two)) for one, two in itertools.pairwise(visits)) >= 8


@pytest.mark.parametrize(
    ("images", "dims", "gib", "tile"),
    [
        (1_280_000, 1024, 4, 112),
        (1_280_000, 1024, 0, 0),
        (1_280_000, 1024, 16, 0),
        (1_280_000, 1024, 6, 184),
        (1_280_000, 1024, 0.1, 8),
        (1000, 512, 4, 0),
    ],
)
def test_so_many_dimensions_are_in_memory_as_it_holds(images, dims, gib, tile):
    pool = PoolRows(
        np.empty((0, dims)), np.broadcast_to(0, images), np.broadcast_to(0, images), np.dtype(np.float32),
        np.arange(dims),
    )  # fmt: skip
    found = Execution(memory=int(gib * 2**30)).tile_of(pool)
    assert found == tile
    if found > 8:
        assert 3 * found * images * 8 < gib * 2**30 * 0.95


def test_a_cluster_holds_the_pool_in_its_own_memory():
    pool = PoolRows.read(ROWS, None, as_given=False)
    assert Execution(memory=1).tile_of(pool)
    assert not Execution(memory=1, engine=Threads(2, far=True)).tile_of(pool)


@pytest.mark.parametrize(
    ("kept", "free", "tile"),
    [(112, 120, 112), (120, 112, 120), (512, 112, 112), (112, 0, 112), (168, 112, 168), (0, 112, 112), (0, 0, 0)],
)
def test_a_run_goes_on_with_the_tile_it_began_with_unless_memory_is_much_less(monkeypatch, kept, free, tile):
    monkeypatch.setattr(Execution, "fitting", lambda self, pool: free)
    pool = PoolRows.read(ROWS, None, as_given=False)
    execution = Execution(memory=1, kept=Kept("", 5, np.zeros(0, dtype=np.int64), kept))
    assert execution.tile_of(pool) == tile


def resident(array):
    """Bytes of a mapping that this process holds, by its entry in /proc."""
    start = array.ctypes.data
    for block in open("/proc/self/smaps", encoding="ascii").read().split("VmFlags"):  # noqa: SIM115, PTH123
        for line in block.splitlines():
            if "-" in line.split(" ")[0] and not line.startswith(" "):
                low, _, high = line.split(" ")[0].partition("-")
                inside = int(low, 16) <= start < int(high, 16)
            if line.startswith("Rss:") and inside:
                return int(line.split()[1]) * 1024
    return 0


def test_pages_of_a_file_are_given_back_and_still_hold_what_was_written(tmp_path):
    array = np.memmap(tmp_path / "a", dtype=np.float32, mode="w+", shape=(64, 4096))
    array[:] = np.arange(64)[:, None]
    paging.let_go(array[:32].view(np.ndarray))
    paging.fetch(array[:8])
    np.testing.assert_array_equal(array[:, 7], np.arange(64))
    paging.let_go(np.zeros(3))  # not in a file
    paging.let_go(array[:0])


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED") or sys.platform != "linux", reason="Linux")
def test_pages_that_are_given_back_take_no_memory(tmp_path):
    array = np.memmap(tmp_path / "a", dtype=np.float32, mode="w+", shape=(64, 4096))
    array[:] = 1.0
    assert resident(array) == array.nbytes
    paging.let_go(array[16:48])
    assert resident(array) == array.nbytes // 2


# -- what is scored --------------------------------------------------------------------------------------------------


def test_chosen_rows_score_as_if_there_were_no_others(compiled):
    chosen = np.arange(1, 3500, 3)
    found = zcore_scores(ROWS, rows=chosen, **SETTINGS)
    np.testing.assert_array_equal(found, zcore_scores(ROWS[chosen], **SETTINGS))
    np.testing.assert_array_equal(zcore_scores(ROWS, rows=chosen[::-1], **SETTINGS), found[::-1])


def test_what_is_read_block_by_block_is_what_is_there(monkeypatch):
    whole = PoolRows.read(ROWS, None, as_given=False)
    monkeypatch.setattr(zcore_rows, "_BLOCK", 999)
    parts = PoolRows.read(ROWS, None, as_given=False)
    np.testing.assert_array_equal(parts.places, whole.places)
    np.testing.assert_array_equal(parts.columns(), ROWS[whole.places].T)
    np.testing.assert_array_equal(whole.columns(), ROWS[whole.places].T)


# -- threads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_pieces(workers):
    assert list(Threads(workers).over(abs, range(-40, 0))) == list(range(40, 0, -1))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_pieces_are_taken_as_they_are_wanted_and_no_more(workers):
    taken = []
    results = Threads(workers).over(abs, (taken.append(n) or n for n in range(1000)))
    next(results)
    assert len(taken) <= workers + 1
    results.close()


def test_what_goes_wrong_with_a_piece_ends_the_work():
    with pytest.raises(ValueError, match="invalid literal"):
        list(Threads(2).over(int, ["1", "x", "2"]))


@pytest.mark.parametrize(
    ("workers", "far", "draws", "size"),
    [(2, False, 10_000, 50), (2, True, 100, 50), (2, True, 10_000, 1250), (64, True, 10_000_000, 10_000)],
)
def test_a_piece_is_worth_sending_and_there_are_enough_for_all(workers, far, draws, size):
    assert piece_size(Threads(workers, far), draws) == size


def test_kept_sums_name_their_order():
    assert Kept(Order(None, 10, 0).name, 0, np.zeros(1)).order != Order(None, 10, 8).name
