"""Ray on this machine: the same scores to the last bit, clear errors, and nothing that stays behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from labelloop.adapters import ray_cluster
from labelloop.core import zcore_compiled
from labelloop.core.engine import Threads
from labelloop.core.errors import ConfigError, LabelloopError
from labelloop.core.zcore import zcore_scores
from labelloop.core.zcore_run import Execution
from labelloop_tests.core.builders import unit_rows

ROWS = unit_rows(4000, 8)
SETTINGS = {"n_sample": 12_000, "redund_nn": 20, "seed": 3}


def own_children():
    return {each.pid for each in psutil.Process().children(recursive=True)}


@pytest.fixture(scope="module")
def engine():
    before = own_children()
    with ray_cluster.cluster("") as started:
        of_ray = own_children() - before
        assert of_ray
        yield started
        of_ray |= own_children() - before
    assert not gone_after(of_ray)
    assert not [left for base in (tempfile.gettempdir(), "/tmp") for left in Path(base).glob(f"llray-{os.getpid()}-*")]  # noqa: S108


def gone_after(processes, seconds=300.0):
    """Those of some processes that still run; how long others take to end, on a busy machine, is not ours to say."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(runs(pid) for pid in processes):
        time.sleep(0.1)
    return {pid for pid in processes if runs(pid)}


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
def test_scores_of_a_cluster_are_those_of_threads_to_the_last_bit(engine, compiled, monkeypatch):
    monkeypatch.setattr(zcore_compiled, "pays", lambda *_: compiled)
    told = []
    found = zcore_scores(
        ROWS, **SETTINGS, execution=Execution(engine), on_progress=lambda done, total: told.append((done, total))
    )
    np.testing.assert_array_equal(found, zcore_scores(ROWS, **SETTINGS, execution=Execution(Threads(1))))
    assert (told[0], told[-1]) == ((0, 12_000), (12_000, 12_000))
    assert len(told) > min(engine.workers, 10)


@pytest.mark.slow
def test_pieces_come_back_in_their_order_and_what_is_wrong_with_one_is_said(engine):
    assert list(engine.over(abs, range(-20, 0))) == list(range(20, 0, -1))
    with pytest.raises(LabelloopError, match=r"Ray could not do its part.*invalid literal for int.*compute.engine"):
        list(engine.over(int, ["1", "x"]))
    with pytest.raises(LabelloopError, match=r"3 embeddings hold NaN. Compute"):
        list(engine.over(refuse, range(3)))


def refuse(_piece):
    raise LabelloopError("3 embeddings hold NaN", "Compute them again.")


@pytest.mark.slow
def test_a_machine_with_other_code_is_refused(engine, monkeypatch):
    monkeypatch.setattr(ray_cluster, "_code", lambda: "that of yesterday")
    with pytest.raises(LabelloopError, match=r"another version than here.*Install the same version"):
        list(engine.over(abs, [1]))


@pytest.mark.slow
def test_work_that_nobody_waits_for_any_more_ends(engine):
    results = engine.over(time.sleep, [0.0] + [600.0] * 20)
    next(results)
    results.close()
    assert list(engine.over(abs, [-1])) == [1]


def test_without_ray_the_error_says_what_to_install(tmp_path):
    (tmp_path / "ray.py").write_text("raise ImportError('no ray here')", encoding="utf-8")
    code = """
from labelloop.adapters.ray_cluster import cluster
try:
    with cluster(''): pass
except Exception as error:
    print(type(error).__name__, error)
"""
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith(f"{ConfigError.__name__} compute.engine is ray, but ray cannot be imported (no ray here)")
    assert "pip install 'labelloop[scale]'" in said


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_an_address_that_does_not_answer_is_told_with_what_to_do(address):
    said = r"Ray at .*127.0.0.1:1 does not answer.*compute.engine: local"
    with pytest.raises(LabelloopError, match=said), ray_cluster.cluster(address):
        pass


@pytest.mark.slow
def test_a_cluster_that_runs_is_found_by_its_address_and_goes_on_running(engine):
    import ray  # noqa: PLC0415  only those who chose it have it

    code = """
import sys
from labelloop.adapters.ray_cluster import cluster
with cluster(sys.argv[1]) as engine:
    print(engine.workers, *engine.over(abs, [-1, -2]))
"""
    command = [sys.executable, "-c", code, ray.get_runtime_context().gcs_address]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{engine.workers} 1 2\n"
    assert list(engine.over(abs, [-3])) == [3]


@pytest.fixture
def short():
    """A folder of its own, where nobody else sweeps, with a path that is short enough for the sockets of Ray."""
    with tempfile.TemporaryDirectory(prefix="ll") as folder:
        yield Path(folder)


def test_where_the_folder_of_the_user_is_too_long_for_sockets_the_common_one_serves(short, tmp_path, monkeypatch):
    for folder, chosen in ((tmp_path / ("a" * 20), Path("/tmp")), (short, short)):  # noqa: S108
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        made = Path(ray_cluster._folder())
        made.rmdir()
        assert made.parent == chosen


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_no_process_behind(short, monkeypatch):
    code = """
import os, sys, time
from labelloop.adapters.ray_cluster import cluster
with cluster("") as engine:
    print(*engine.over(abs, [-1]), flush=True)
    time.sleep(600)
"""
    monkeypatch.setenv("TMPDIR", str(short))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    killed = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert killed.stdout.readline() == "1\n"
    started = {each.pid for each in psutil.Process(killed.pid).children(recursive=True)}
    assert started
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not gone_after(started)
    left = list(short.glob(f"llray-{killed.pid}-*"))
    assert left
    shutil.rmtree(ray_cluster._folder())  # whoever comes next removes what dead ones left
    assert not any(path.exists() for path in left)
