import os

import numpy as np
import pytest

from labelloop.adapters.files import scratch as module
from labelloop.adapters.files.scratch import scratch
from labelloop.core.errors import LabelloopError


def test_arrays_are_files_that_vanish_in_the_end(tmp_path):
    with scratch(tmp_path / "scratch") as make:
        assert not (tmp_path / "scratch").exists()  # most computations need none
        one, two = make((3, 5), np.float32), make((2, 2), np.uint32)
        one[:], two[:] = 1.5, 7
        assert (one.sum(), two.sum()) == (22.5, 28)
        assert sorted(path.stat().st_size for path in (tmp_path / "scratch").iterdir()) == [16, 60]
    assert not (tmp_path / "scratch").exists()


def test_they_vanish_also_when_the_computation_fails(tmp_path):
    with pytest.raises(ValueError, match="reshape"), scratch(tmp_path / "scratch") as make:
        make((3, 5), np.float32).reshape(4, 4)
    assert not (tmp_path / "scratch").exists()


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "0.bin").touch()
    with scratch(tmp_path / "scratch"):
        assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("has_fallocate", [True, False])
def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path, monkeypatch, has_fallocate):
    if not has_fallocate:
        monkeypatch.delattr(module.os, "posix_fallocate")
    elif not hasattr(os, "posix_fallocate"):
        pytest.skip("not on this system")
    with (
        scratch(tmp_path / "scratch") as make,
        pytest.raises(LabelloopError, match=r"no room for 4194304.0 GiB.*compute.memory_gib"),
    ):
        make((2**30, 2**20), np.float32)
    assert not (tmp_path / "scratch").exists()
