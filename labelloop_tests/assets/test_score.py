"""The asset zcore_scores: a run that was killed goes on, on whatever engine."""

import pytest

from labelloop.assets import score
from labelloop.resources.compute import ComputeResource
from labelloop_tests.worlds import failure_of


@pytest.mark.slow
def test_scores_do_not_depend_on_a_kill_or_on_the_engine(world, monkeypatch) -> None:
    one = world(zcore={"n_sample": 3000})
    one.compute = ComputeResource(keep_seconds=0.0)
    one.turn([("prepare_pool", None)])
    ledger = one.now.ledger
    expected = ledger.zcore()

    def die(done, _total):
        if done >= 1000:
            raise OSError("the machine went away")

    (ledger.root / "zcore.parquet").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(score, "progress", lambda *_: die)
        assert "went away" in failure_of(one.run_asset("zcore_scores", ""))
    assert [path.suffix for path in (ledger.root / "zcore.partial").iterdir()] == [".npz"]
    assert not ledger.has_zcore()
    drawn = []
    with monkeypatch.context() as patched:
        patched.setattr(score, "progress", lambda *_: lambda done, _total: drawn.append(done))
        assert one.run_asset("zcore_scores", "").success
    assert drawn == [1000, 2000, 3000]
    assert ledger.zcore().equals(expected)
    assert not (ledger.root / "zcore.partial").exists()
    one.configure(compute={"engine": "ray"})
    assert one.run_asset("zcore_scores", "").success
    assert ledger.zcore().equals(expected)
