import hashlib
import io
import multiprocessing
import os
import signal
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labelloop.adapters.cvat import frames as frames_module
from labelloop.adapters.cvat.frames import CHUNKS_AT_ONCE, download_frames
from labelloop.adapters.cvat.push import push_task
from labelloop.core.errors import CvatError, LabelloopError
from labelloop_tests.elsewhere import wait_until


def test_brings_the_bytes_that_were_uploaded(server, project, make_spec, tmp_path: Path):
    spec = make_spec(["a.png", "b.jpg", "c.png"])
    task = push_task(server, project, spec)
    found = download_frames(server, task.task_id, tmp_path / "down")
    assert [(frame.frame, frame.name) for frame in found] == [(i, name) for name, i in task.frame_of.items()]
    for frame, image in zip(found, spec.images, strict=True):
        original = image.path.read_bytes()
        assert frame.path.read_bytes() == original
        assert frame.path.stem == frame.sha256 == hashlib.sha256(original).hexdigest()
    assert sorted(path.name for path in (tmp_path / "down").iterdir()) == sorted(frame.path.name for frame in found)


def test_brings_only_what_is_wanted(server, project, make_spec, tmp_path: Path):
    task = push_task(server, project, make_spec(4))
    assert [frame.frame for frame in download_frames(server, task.task_id, tmp_path / "down", [3, 1])] == [1, 3]
    assert len(list((tmp_path / "down").iterdir())) == 2
    assert download_frames(server, task.task_id, tmp_path / "down", []) == []
    with pytest.raises(CvatError, match="frames 0 to 3"):
        download_frames(server, task.task_id, tmp_path / "down", [4])


def test_an_image_that_is_here_whole_is_left_alone_and_a_damaged_one_replaced(tmp_path: Path):
    server = Zipped([zipped(**{"000000.png": b"zero", "000001.png": b"one"})], size=2)
    before = {frame.path: frame.path.stat().st_ino for frame in download_frames(server, 9, tmp_path)}
    [damaged, whole] = before
    damaged.write_bytes(b"zer")
    assert [frame.path for frame in download_frames(server, 9, tmp_path)] == [damaged, whole]
    assert damaged.read_bytes() == b"zero"
    assert whole.stat().st_ino == before[whole]
    assert len(list(tmp_path.iterdir())) == 2


class Zipped:
    """A server whose chunks hold the given members, two frames to a chunk."""

    def __init__(self, chunks: list[bytes], size: int = 4) -> None:
        self.chunks, self.size, self.asked = chunks, size, []

    def get(self, path: str, doing: str) -> dict:
        return {
            "chunk_size": 2,
            "frames": [{"name": f"../../{i}.png", "width": 4, "height": 3} for i in range(self.size)],
        }

    def download(self, path: str, doing: str, into, limit: int, **query) -> None:
        self.asked.append(query["number"])
        into.write(self.chunks[query["number"]])


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def test_asks_only_for_chunks_with_wanted_frames(tmp_path: Path):
    server = Zipped([b"", zipped(**{"000000.png": b"two", "000001.png": b"three"})])
    [frame] = download_frames(server, 9, tmp_path, [3])
    assert (frame.frame, frame.path.read_bytes(), server.asked) == (3, b"three", [1])


def test_no_name_of_the_server_becomes_a_path(tmp_path: Path):
    members = {"../../000000.png": b"zero", "/etc/000001.p/../ng": b"x", "000001.sh;rm": b"one", "evil": b"e"}
    target = tmp_path / "down"
    found = download_frames(Zipped([zipped(**members)], size=2), 9, target)
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {target}
    assert [frame.path.read_bytes() for frame in found] == [b"zero", b"one"]
    assert found[1].path.suffix == ""


def test_a_missing_image_is_told(tmp_path: Path):
    with pytest.raises(CvatError, match="left out 1 of the images of task 9, frame 1"):
        download_frames(Zipped([zipped(**{"000000.png": b"zero"})], size=2), 9, tmp_path)


@pytest.mark.parametrize("data", [b"", b"not a zip", zipped(**{"000000.png": b"zero" * 99})[:-30]])
def test_what_is_no_archive_is_told(tmp_path: Path, data: bytes):
    with pytest.raises(CvatError, match="chunk 0"):
        download_frames(Zipped([data], size=1), 9, tmp_path)


def test_a_bomb_is_stopped_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(frames_module, "MOST_IMAGE_BYTES", 10)
    with pytest.raises(CvatError, match="more than 10 bytes"):
        download_frames(Zipped([zipped(**{"000000.png": b"0" * 11})], size=1), 9, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_endless_download_is_stopped(server, project, make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    task = push_task(server, project, make_spec(1))
    monkeypatch.setattr(frames_module, "MOST_CHUNK_BYTES", 10)
    with pytest.raises(CvatError, match="more than the 10 bytes"):
        download_frames(server, task.task_id, tmp_path / "down")


class Counting(Zipped):
    """A server that answers when as many ask as may ask at once, and counts those who ask."""

    def __init__(self) -> None:
        super().__init__([zipped(**{"000000.png": b"a", "000001.png": b"b"})] * CHUNKS_AT_ONCE, 2 * CHUNKS_AT_ONCE)
        self.all_there = threading.Barrier(CHUNKS_AT_ONCE, timeout=60)
        self.lock, self.asking, self.most = threading.Lock(), 0, 0

    def download(self, path: str, doing: str, into, limit: int, **query) -> None:
        with self.lock:
            self.asking += 1
            self.most = max(self.most, self.asking)
        self.all_there.wait()
        time.sleep(0.05)  # for one who should not be there
        super().download(path, doing, into, limit, **query)
        with self.lock:
            self.asking -= 1


def test_several_chunks_are_asked_for_at_once_and_never_more_than_the_server_makes(tmp_path: Path):
    server = Counting()
    with ThreadPoolExecutor(2) as tasks:
        brought = list(tasks.map(lambda task: download_frames(server, task, tmp_path / str(task)), [8, 9]))
    assert [len(frames) for frames in brought] == [2 * CHUNKS_AT_ONCE] * 2
    assert 1 < server.most == CHUNKS_AT_ONCE


CHUNKS = [
    zipped(**{"000000.png": b"zero", "000001.png": b"one"}),
    zipped(**{"000000.png": b"two", "000001.png": b"three"}),
]


@pytest.mark.parametrize("fails_at", ["content", "names"])
def test_nothing_is_noted_before_it_is_on_the_disk_for_good(tmp_path: Path, monkeypatch, fails_at: str):
    """A disk tells of a failure once: what has its name by then must be whole, as it is taken for it from then on."""
    media, records = tmp_path / "media", tmp_path / "records"
    synced: list[list[bytes]] = []

    def power_fails(paths):
        found = list(paths)
        synced.append([path.read_bytes() for path in found if path.is_file()])
        if (found == [media]) is (fails_at == "names"):
            raise LabelloopError("the disk fails")

    with monkeypatch.context() as patched:
        patched.setattr("labelloop.adapters.cvat.frames.make_durable", power_fails)
        with pytest.raises(LabelloopError, match="disk fails"):
            download_frames(Zipped(CHUNKS[:1], 2), 9, media, records=records)
    assert synced[0] == [b"zero", b"one"]
    assert sorted(path.read_bytes() for path in media.iterdir()) == ([] if fails_at == "content" else [b"one", b"zero"])
    assert not list(records.glob("*"))
    assert len(download_frames(Zipped(CHUNKS[:1], 2), 9, media, records=records)) == 2


def test_a_download_that_was_killed_goes_on_with_what_is_missing(tmp_path: Path):
    media, records = tmp_path / "media", tmp_path / "records"
    half = Zipped([CHUNKS[0], b"torn"])
    with pytest.raises(CvatError, match="chunk 1"):
        download_frames(half, 9, media, records=records)
    server = Zipped(CHUNKS)
    found = download_frames(server, 9, media, records=records)
    assert server.asked == [1]
    assert [frame.path.read_bytes() for frame in found] == [b"zero", b"one", b"two", b"three"]
    assert [frame.frame for frame in found] == [0, 1, 2, 3]


@pytest.mark.parametrize("harm", [lambda path: path.write_bytes(b"zerO"), lambda path: path.unlink()])
def test_what_is_not_on_disk_as_it_was_stored_is_asked_for_again(tmp_path: Path, harm):
    media, records = tmp_path / "media", tmp_path / "records"
    first = download_frames(Zipped(CHUNKS), 9, media, records=records)
    harm(first[0].path)
    server = Zipped(CHUNKS)
    assert download_frames(server, 9, media, records=records) == first
    assert server.asked == [0]
    assert first[0].path.read_bytes() == b"zero"


def test_the_size_of_an_image_is_what_the_server_says(server, project, make_spec, tmp_path: Path):
    task = push_task(server, project, make_spec(2))
    assert {(f.width, f.height) for f in download_frames(server, task.task_id, tmp_path / "down")} == {(64, 48)}


class Deadly(Zipped):
    """A server at whose second chunk the process dies, once the first one is stored."""

    def __init__(self, records: Path) -> None:
        super().__init__(CHUNKS)
        self.records = records

    def download(self, path: str, doing: str, into, limit: int, **query) -> None:
        if query["number"] == 1:
            wait_until((self.records / "0.json").is_file)
            into.write(CHUNKS[1][:20])
            os.kill(os.getpid(), signal.SIGKILL)
        super().download(path, doing, into, limit, **query)


def _die(media: Path, records: Path) -> None:
    download_frames(Deadly(records), 9, media, records=records)


def test_after_kill_9_only_what_is_not_on_disk_is_downloaded(tmp_path: Path):
    media, records = tmp_path / "media", tmp_path / "records"
    process = multiprocessing.get_context("spawn").Process(target=_die, args=(media, records))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    server = Zipped(CHUNKS)
    found = download_frames(server, 9, media, records=records)
    assert server.asked == [1]
    assert sorted(path.name for path in media.iterdir()) == sorted(frame.path.name for frame in found)
