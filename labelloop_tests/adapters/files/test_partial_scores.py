import numpy as np
import pytest

from labelloop.adapters.files.partial_scores import PartialScores
from labelloop.core.zcore_run import Kept

KEPT = Kept("some order", 300, np.array([2**40, -5, 0]))


@pytest.fixture
def partial(tmp_path):
    return PartialScores(tmp_path / "zcore.partial")


def test_sums_come_back_under_their_key_alone(partial):
    assert partial.load("a") is None
    partial.save("a", KEPT)
    found = partial.load("a")
    assert (found.order, found.done, found.sums.tolist()) == (KEPT.order, 300, KEPT.sums.tolist())
    assert found.sums.dtype == np.int64
    assert partial.load("b") is None


def test_of_other_computations_nothing_is_kept(partial):
    partial.save("a", KEPT)
    partial.save("b", KEPT)
    assert partial.load("a") is None
    assert [path.name for path in partial.folder.iterdir()] == ["b.npz"]
    partial.clear()
    assert not partial.folder.exists()
    partial.clear()


@pytest.mark.parametrize("damage", ["empty", "half", "garbage", "another archive"])
def test_what_cannot_be_read_is_computed_again(partial, damage):
    partial.save("a", KEPT)
    file = partial.folder / "a.npz"
    if damage == "another archive":
        np.savez(file, something=np.zeros(3))
    else:
        content = file.read_bytes()
        file.write_bytes({"empty": b"", "half": content[: len(content) // 2], "garbage": b"x" * 99}[damage])
    assert partial.load("a") is None
