"""Kernels that cannot be had: numpy gives the same scores, and one line says why."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from labelloop.core import zcore_jit, zcore_ready
from labelloop.core.zcore import zcore_scores
from labelloop.core.zcore_compiled import CompiledPool
from labelloop.core.zcore_draws import counter_draws
from labelloop.core.zcore_ready import kernels_ready, score_anywhere
from labelloop.core.zcore_rules import Redundancy
from labelloop_tests.core.builders import unit_rows

# Scores twice, with kernels wanted; prints what was told and a hash of the scores.
SCORE = """
import hashlib, sys
from labelloop.core import zcore_compiled, zcore_ready
from labelloop.core.zcore import zcore_scores
from labelloop.core.zcore_run import Execution
from labelloop_tests.core.builders import unit_rows
zcore_compiled.pays = lambda *_: True
told = []
for _ in range(2):
    scores = zcore_scores(unit_rows(400, 6), n_sample=300, redund_nn=20, execution=Execution(log=told.append))
print(zcore_ready._found, told)
print(hashlib.sha256(scores.tobytes()).hexdigest())
"""


def scored(**environment):
    done = subprocess.run(
        [sys.executable, "-c", SCORE], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    told, digest = done.stdout.splitlines()
    return told, digest


@pytest.fixture(scope="module")
def by_numpy():
    return hashlib.sha256(zcore_scores(unit_rows(400, 6), n_sample=300, redund_nn=20).tobytes()).hexdigest()


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """What processes compiled and kept, in a folder that nobody else looks at."""
    scored()  # compiled here, unless another test had them before
    kept = zcore_jit.cache_folder()
    whole = shutil.ignore_patterns("*.tmp.*")  # what another test compiles at this moment
    return Path(shutil.copytree(kept, tmp_path_factory.mktemp("kernels") / kept.name, ignore=whole))


@pytest.mark.parametrize("error", ["ImportError('no numba here')", "SystemError('numpy is too new')"])
def test_without_numba_the_scores_are_those_of_numpy_and_one_line_says_so(tmp_path, error, by_numpy):
    (tmp_path / "numba.py").write_text(f"raise {error}\n", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    told, digest = scored(PYTHONPATH=path, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert told.startswith("{'float32': False} ['ZCore works without compiled kernels")
    assert told.count("ZCore works without") == 1
    assert error.split("'")[1] in told
    assert digest == by_numpy


@pytest.mark.slow  # each may compile all kernels
@pytest.mark.parametrize(
    ("pattern", "content"),
    [("*.nbc", b""), ("*.nbc", b"not what a compiler wrote"), ("*.nbi", b"\x80\x05garbage"), ("*.nbi", b"")],
)
def test_a_damaged_cache_is_removed_and_numpy_scores(tmp_path, monkeypatch, pattern, content, healthy, by_numpy):
    place = tmp_path / "labelloop" / healthy.name
    shutil.copytree(healthy, place)
    damaged = sorted(place.rglob(pattern))
    assert damaged
    for file in damaged:
        file.write_bytes(content)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    told, digest = scored(XDG_CACHE_HOME=str(tmp_path))
    assert digest == by_numpy
    if "True" in told:  # numba itself found out and compiled anew
        assert told == "{'float32': True} []"
        return
    assert told.count("ZCore works without") == 1
    assert not list(place.rglob("*.nb*"))


@pytest.mark.slow
def test_kernels_that_give_something_else_are_not_used(monkeypatch, tmp_path):
    assert kernels_ready(np.dtype(np.float32))  # so that they are there before the folder is another
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(zcore_ready, "_found", {})
    right = CompiledPool.score
    monkeypatch.setattr(CompiledPool, "score", lambda self, draws, rule: right(self, draws, rule) + 1)
    told = []
    assert not kernels_ready(np.dtype(np.float32), told.append)
    assert told == [
        "ZCore works without compiled kernels, which takes longer and gives the same scores: they give other sums than "
        "numpy"
    ]
    assert not zcore_jit.were_compiled(np.dtype(np.float32))


@pytest.mark.parametrize("images", [500, 4000])
def test_a_process_without_kernels_scores_a_pool_that_was_made_for_them(images, monkeypatch):
    columns = np.ascontiguousarray(unit_rows(images, 6).T)
    pool, rule = CompiledPool.build(columns, 1), Redundancy(20, 4)
    draws = counter_draws(0, range(60), pool.spread, 2)
    with_them = score_anywhere(pool, rule, draws)
    monkeypatch.setattr(zcore_ready, "_found", {"float32": False})
    monkeypatch.setattr(CompiledPool, "score", None)
    np.testing.assert_array_equal(score_anywhere(pool, rule, draws), with_them)


def test_what_is_kept_lies_beside_no_code():
    assert Path(zcore_jit.__file__).parent not in zcore_jit.cache_folder().parents
