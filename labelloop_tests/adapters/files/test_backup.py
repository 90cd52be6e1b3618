import shutil
from pathlib import Path

import pytest

from labelloop.adapters.files.backup import back_up
from labelloop.core.errors import LabelloopError


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "labels" / "source.json", tmp_path / "samples.parquet"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(path.name.encode())
    return paths


def test_copies_lie_as_the_originals_do(tmp_path: Path, files: list[Path]) -> None:
    folder = back_up(tmp_path, [*files, tmp_path / "not there"], "pull-1")
    assert folder == tmp_path / "backups" / "pull-1"
    for path in files:
        assert (folder / path.relative_to(tmp_path)).read_bytes() == path.read_bytes()


def test_the_same_files_are_backed_up_once_and_others_beside_them(tmp_path: Path, files: list[Path]) -> None:
    first = back_up(tmp_path, files, "pull-1")
    before = (first / "contents.json").stat().st_mtime_ns
    assert back_up(tmp_path, files, "pull-1") == first
    assert (first / "contents.json").stat().st_mtime_ns == before
    files[0].write_bytes(b"changed")
    second = back_up(tmp_path, files, "pull-1")
    assert second == tmp_path / "backups" / "pull-1-2"
    assert (first / "labels" / "source.json").read_bytes() == b"source.json"


def test_a_damaged_backup_does_not_count(tmp_path: Path, files: list[Path]) -> None:
    first = back_up(tmp_path, files, "pull-1")
    (first / "samples.parquet").write_bytes(b"rotten")
    assert back_up(tmp_path, files, "pull-1") != first


def test_a_copy_that_is_not_what_was_copied_is_refused(tmp_path: Path, files: list[Path], monkeypatch) -> None:
    monkeypatch.setattr(shutil, "copyfile", lambda source, target: Path(target).write_bytes(b"short"))
    with pytest.raises(LabelloopError, match="nothing was replaced"):
        back_up(tmp_path, files, "pull-1")
