"""Copies of plain files, taken and read back before something replaces them."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from labelloop.adapters.files.atomic import read_json, write_json
from labelloop.core.errors import LabelloopError

CONTENTS = "contents.json"  # SHA-256 of each file; written last


def back_up(root: Path, files: Iterable[Path], name: str) -> Path:
    """Copy files of a home to `backups/<name>` in it, and read every copy back.

    A backup of this name that holds these very files is left as it is; otherwise it gets a number.

    Args:
        root: Folder of the state.
        files: Files below it; those that are not there are left out.
        name: What it is a backup of.

    Returns:
        The folder of the backup.

    Raises:
        LabelloopError: If a copy does not hold what its original does, so that nothing must be replaced.
    """
    hashes = {path.relative_to(root).as_posix(): _hash(path) for path in sorted(files) if path.is_file()}
    number = 1
    while (folder := root / "backups" / (name if number == 1 else f"{name}-{number}")).is_dir():
        if _is_of(folder, hashes):
            return folder
        number += 1
    for relative in hashes:
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / relative, folder / relative)
    wrong = _differing(folder, hashes)
    if wrong:
        raise LabelloopError(
            f"The backup {folder} is not good: {', '.join(wrong)} differ from what was copied",
            "Check the disk; nothing was replaced.",
        )
    write_json(folder / CONTENTS, hashes)
    return folder


def _is_of(folder: Path, hashes: dict[str, str]) -> bool:
    if not (folder / CONTENTS).is_file():
        return False
    return bool(read_json(folder / CONTENTS, "") == hashes) and not _differing(folder, hashes)


def _differing(folder: Path, hashes: dict[str, str]) -> list[str]:
    return [name for name, wanted in hashes.items() if not (folder / name).is_file() or _hash(folder / name) != wanted]


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
