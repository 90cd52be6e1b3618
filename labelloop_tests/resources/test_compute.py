"""What was scored before a run was killed is not scored again, and goes when it is of no use any more."""

import subprocess
import sys

import numpy as np
import pytest

from labelloop.core import zcore_run
from labelloop.core.zcore import zcore_scores
from labelloop.resources.compute import ComputeResource
from labelloop_tests.core.builders import unit_rows
from labelloop_tests.projects import make_project

ROWS = unit_rows(200, 6)
SETTINGS = {"n_sample": 400, "redund_nn": 10}


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setattr(zcore_run, "_BLOCK", 100)
    return lambda **compute: make_project(tmp_path, compute=compute)


def scored(now, key, told, *, die_at=1000):
    """Scores, unless the run is killed when so many draws are done."""

    def tell(done, _total):
        told.append(done)
        if done >= die_at:
            raise KeyboardInterrupt

    with ComputeResource(keep_seconds=0.0).scoring(now, key, told.append) as execution:
        return zcore_scores(ROWS, **SETTINGS, on_progress=tell, execution=execution)


def test_a_run_that_was_killed_goes_on_and_says_so(make):
    now, told = make(), []
    with pytest.raises(KeyboardInterrupt):
        scored(now, "key", told, die_at=300)
    again = []
    np.testing.assert_array_equal(scored(now, "key", again), zcore_scores(ROWS, **SETTINGS))
    assert again == ["ZCore goes on where an earlier run was: 300 draws are there", 300, 400]
    assert not (now.home.root / "zcore.partial").exists()


def test_another_computation_starts_from_nothing(make):
    now, told = make(), []
    with pytest.raises(KeyboardInterrupt):
        scored(now, "key", told, die_at=300)
    again = []
    np.testing.assert_array_equal(scored(now, "another key", again), zcore_scores(ROWS, **SETTINGS))
    assert again == [0, 100, 200, 300, 400]


def test_little_is_kept_of_a_run_that_is_short(make):
    now = make()
    with ComputeResource(keep_seconds=3600.0).scoring(now, "key", print) as execution:
        zcore_scores(ROWS, **SETTINGS, execution=execution)
        assert not (now.home.root / "zcore.partial").exists()


def test_a_pool_larger_than_the_memory_it_may_take_is_scored_in_files(make):
    now = make(memory_gib=1)
    with ComputeResource().scoring(now, "key", print) as execution:
        assert execution.memory == 2**30
        execution.make((2, 3), np.float32)
        assert (now.home.root / "scratch").is_dir()
    assert not (now.home.root / "scratch").exists()
    with ComputeResource().scoring(make(), "key", print) as execution:
        assert execution.memory > 2**26


def test_ray_is_imported_by_those_alone_who_choose_it(make):
    now = make()
    code = f"""
import sys
from pathlib import Path
from labelloop.resources.compute import ComputeResource
from labelloop.resources.project import Project
with ComputeResource().scoring(Project(Path({str(now.config)!r})), "key", print) as execution:
    assert execution.engine is None
assert "ray" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_the_cluster_of_the_settings_scores_the_same(make):
    with ComputeResource().scoring(make(engine="ray"), "key", print) as execution:
        assert execution.engine.far
        found = zcore_scores(ROWS, **SETTINGS, execution=execution)
    np.testing.assert_array_equal(found, zcore_scores(ROWS, **SETTINGS))
