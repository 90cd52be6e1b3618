import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.files.atomic import make_durable, read_json, replacing, write_bytes, write_json
from labelloop.adapters.files.tables import read_array, read_frame, write_array, write_frame
from labelloop.core.errors import LabelloopError, MissingStateError
from labelloop_tests import elsewhere

WRITERS = {
    "bytes": "write_bytes(path, bytes(1 << 20))",
    "json": "write_json(path, list(range(200_000)))",
    "array": "write_array(path, np.zeros(1 << 18))",
    "frame": "write_frame(path, pd.DataFrame({'a': np.random.default_rng(0).random(1 << 17)}))",
}
# Writes to argv[1] what WRITERS says, and prints the error that comes of it.
WRITE = """
import sys, resource
from pathlib import Path
import numpy as np, pandas as pd
from labelloop.adapters.files.atomic import write_bytes, write_json
from labelloop.adapters.files.tables import write_array, write_frame
from labelloop.core.errors import LabelloopError
path = Path(sys.argv[1])
LIMIT
for what in sys.argv[2:]:
    try:
        eval(what)
    except LabelloopError as error:
        print(error)
"""
LIMIT = "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))"


def partials(folder):
    return [path.name for path in folder.iterdir() if path.name.endswith(".partial")]


def test_a_file_appears_whole_with_the_folders_it_needs(tmp_path):
    path = tmp_path / "a" / "b" / "c.bin"
    write_bytes(path, b"")
    assert path.read_bytes() == b""
    write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert partials(path.parent) == []


def test_what_is_being_written_is_not_there_yet(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def write_half(path, error):
    with replacing(path) as file:
        file.write(b"new")
        raise error


@pytest.mark.parametrize("error", [KeyError("x"), KeyboardInterrupt(), LabelloopError("x")])
def test_an_exception_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        write_half(path, error)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_called_a_full_disk(tmp_path, number):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(LabelloopError, match=r"disk is full.*is as it was before") as caught, replacing(path):
        raise OSError(number, os.strerror(number))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert partials(tmp_path) == []


def told_and_intact(told, path):
    assert told.count("The disk is full or a quota is used up") == len(WRITERS), told
    assert told.count(f"{path} was not written and is as it was before") == len(WRITERS)
    assert told.count("Free some space and run the same step again.") == len(WRITERS)
    assert path.read_bytes() == b"old"
    assert partials(path.parent) == []


def test_a_write_beyond_the_limit_of_the_process_leaves_the_old_file_and_says_so(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    told_and_intact(elsewhere.run(WRITE.replace("LIMIT", LIMIT), path, *WRITERS.values()), path)


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path):
    """A file system of 256 KiB that only the other process sees, and that is gone with it."""
    mount = f"mount -t tmpfs -o size=256k tmpfs '{tmp_path}'"
    alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-ec"]
    if not shutil.which("unshare") or subprocess.run([*alone, mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us mount a small file system")
    path = tmp_path / "file"
    report = "import os; print(path.read_bytes(), sorted(os.listdir(path.parent)))"
    code = WRITE.replace("LIMIT", "path.write_bytes(b'old')") + report
    within = [*alone, f'{mount}; exec "$@"', "sh", sys.executable, "-c", code, str(path), *WRITERS.values()]
    told = subprocess.run(within, capture_output=True, text=True, check=True).stdout
    assert told.count("The disk is full or a quota is used up") == len(WRITERS), told
    assert told.count(f"{path} was not written and is as it was before") == len(WRITERS)
    assert told.endswith("b'old' ['file']\n")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(LabelloopError, match="below cannot be written: "):
        write_bytes(tmp_path / "file" / "below", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(LabelloopError, match="folder cannot be written"):
        write_bytes(tmp_path / "folder", b"")
    assert partials(tmp_path) == []


WRITE_FOR_EVER = """
import sys
from pathlib import Path
import numpy as np
from labelloop.adapters.files.tables import write_array
number = 0
while True:
    write_array(Path(sys.argv[1]), np.full(1 << 18, number))
    number += 1
    if number == 2:
        print("ready", flush=True)
"""


def test_a_kill_in_the_middle_of_a_write_leaves_a_whole_version(tmp_path):
    path = tmp_path / "array.npy"
    interrupted = 0
    for _ in range(3):
        with elsewhere.start(WRITE_FOR_EVER, path) as writer:
            assert elsewhere.line(writer) == "ready"
            elsewhere.wait_until(lambda: partials(tmp_path))
            writer.send_signal(signal.SIGKILL)
        array = read_array(path, "")
        assert array.shape == (1 << 18,)
        assert len(np.unique(array)) == 1
        interrupted += len(partials(tmp_path))
        write_array(path, array)
        assert partials(tmp_path) == []
    assert interrupted


def test_what_another_writer_is_writing_stays_and_so_does_another_file(tmp_path):
    with elsewhere.start("input()") as dead:
        pass
    with elsewhere.start("input()") as writer:
        busy, other = tmp_path / f".a.json.{writer.pid}.12ab.partial", tmp_path / f".b.json.{dead.pid}.12ab.partial"
        left = tmp_path / f".a.json.{dead.pid}.12ab.partial"
        for path in (busy, other, left):
            path.touch()
        write_json(tmp_path / "a.json", {})
        assert sorted(partials(tmp_path)) == sorted([busy.name, other.name])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({}, b"{}\n"),
        ([], b"[]\n"),
        ({"b": 1, "a": [1.5, None, True, "\u00fc"]}, '{\n "a": [\n  1.5,\n  null,\n  true,\n  "ü"\n ],\n "b": 1\n}\n'),
    ],
)
def test_equal_values_give_equal_bytes(tmp_path, value, text):
    path = tmp_path / "value.json"
    write_json(path, value)
    assert path.read_bytes() == (text if isinstance(text, bytes) else text.encode())
    if isinstance(value, dict):
        write_json(tmp_path / "turned.json", dict(reversed(value.items())))
        assert (tmp_path / "turned.json").read_bytes() == path.read_bytes()
    assert read_json(path, "") == value


def test_a_value_that_is_no_json_leaves_the_old_one(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert read_json(tmp_path / "a.json", "") == 1


FRAMES = {
    "no row": pd.DataFrame({"a": pd.Series(dtype="uint64"), "b": pd.Series(dtype=object)}),
    "64 bits": pd.DataFrame({"a": np.array([0, 2**64 - 1], dtype="uint64"), "b": ["ü", None]}),
    "floats": pd.DataFrame({"x": [0.1, float("nan"), 1e300]}),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_frame_comes_back_as_it_was_and_equal_frames_give_equal_bytes(tmp_path, frame):
    write_frame(tmp_path / "one.parquet", frame)
    write_frame(tmp_path / "two.parquet", frame.set_index(frame.index + 7))
    again = read_frame(tmp_path / "one.parquet", "")
    pd.testing.assert_frame_equal(again, frame, check_dtype=False)
    assert again.dtypes.to_dict().get("a") == frame.dtypes.to_dict().get("a")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


@pytest.mark.parametrize("shape", [(0, 4), (3, 4)])
def test_an_array_is_mapped_and_not_loaded(tmp_path, shape):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    write_array(tmp_path / "a.npy", array)
    again = read_array(tmp_path / "a.npy", "")
    np.testing.assert_array_equal(again, array)
    assert again.dtype == np.float32
    assert isinstance(again, np.memmap)
    assert not again.flags.writeable


READERS = {"a.json": read_json, "a.parquet": read_frame, "a.npy": read_array}


@pytest.mark.parametrize(("name", "read"), READERS.items())
def test_a_file_that_is_not_there_says_what_to_run_first(tmp_path, name, read):
    with pytest.raises(MissingStateError, match=rf"{name} is not there yet\. Run the job prepare_pool first\."):
        read(tmp_path / name, "Run the job prepare_pool first.")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe garbage", b"{", b"PAR1", b"\x93NUMPY"])
@pytest.mark.parametrize(("name", "read"), READERS.items())
def test_a_damaged_file_is_named_with_the_remedy(tmp_path, name, read, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LabelloopError, match="Restore it from a copy, or remove it") as caught:
        read(path, "")
    assert f"{path} cannot be read" in str(caught.value)


def test_an_array_cut_short_is_damaged(tmp_path):
    path = tmp_path / "a.npy"
    write_array(path, np.arange(1000))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(LabelloopError, match="cannot be read"):
        read_array(path, "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a descriptor does not tell its path")
def test_files_and_folders_are_made_durable_in_order(tmp_path, monkeypatch):
    files = [tmp_path / folder / name for folder in "ab" for name in ("one", "two")]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(Path(f"/proc/self/fd/{number}").readlink()))
    make_durable(iter([*files, tmp_path / "a"]))
    assert synced == [*files, tmp_path / "a"]


def test_a_disk_that_fails_is_told_when_files_are_made_durable(tmp_path, monkeypatch):
    def fails(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(
        LabelloopError, match=f"{tmp_path}/file could not be brought to the disk.*{os.strerror(errno.EIO)}"
    ):
        make_durable([tmp_path / "file"])
