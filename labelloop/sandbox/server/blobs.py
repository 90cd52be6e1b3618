"""Files under generated ids: no name that a client sends ever becomes a path."""

import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".part"


class Blobs:
    """Bytes on disk. A blob appears whole or not at all: it is written aside and renamed.

    Args:
        folder: Where the blobs lie; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, blob: str) -> Path:
        """Where a blob lies."""
        return self._folder / blob[:2] / blob

    def read(self, blob: str) -> bytes:
        """The bytes of a blob."""
        return self.path(blob).read_bytes()

    def write(self, source: BinaryIO) -> str:
        """Keep all that a stream has left.

        Returns:
            The id of the new blob.
        """
        blob = uuid.uuid4().hex
        path = self.path(blob)
        path.parent.mkdir(exist_ok=True)
        aside = path.with_suffix(TEMPORARY)
        with aside.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        aside.rename(path)
        return blob

    def append(self, blob: str, offset: int, content: bytes) -> int:
        """Write at an offset of a blob that grows; what an interrupted write left beyond it is overwritten.

        Returns:
            The new end.
        """
        with self.path(blob).open("r+b") as target:
            target.truncate(offset)
            target.seek(offset)
            target.write(content)
        return offset + len(content)

    def size(self, blob: str) -> int:
        """How many bytes a blob has."""
        return self.path(blob).stat().st_size

    def delete(self, blobs: Iterable[str]) -> None:
        """Remove blobs; one that is gone already is no error."""
        for blob in blobs:
            self.path(blob).unlink(missing_ok=True)

    def sweep(self, keep: set[str]) -> None:
        """Remove what nothing refers to: leftovers of a process that was killed."""
        for path in self._folder.glob("*/*"):
            if path.name not in keep:
                path.unlink()
