"""Vectors on disk: one memory-mapped array for each provider, and the blocks of a computation that is under way."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from labelloop.adapters.files.atomic import read_json, read_whole, replacing, write_json
from labelloop.adapters.files.tables import read_array, write_array
from labelloop.core.annotation import content_hash
from labelloop.core.errors import LabelloopError


@dataclass(frozen=True)
class EmbeddingStore:
    """Vectors, their ids and what made them, in a folder.

    Attributes:
        folder: Where they lie.
        missing: What to run when they are not there.
    """

    folder: Path
    missing: str

    def record(self, provider: str) -> dict[str, Any]:
        """File, version, sample ids and whatever else was said when the vectors were saved.

        Raises:
            MissingStateError: If there are none.
        """
        return dict(read_json(self._record_file(provider), self.missing))

    def record_or_none(self, provider: str) -> dict[str, Any] | None:
        """The same, or None when there are none."""
        return self.record(provider) if self._record_file(provider).is_file() else None

    def load(self, provider: str) -> tuple[list[str], np.ndarray]:
        """Sample ids, sorted, and their memory-mapped vectors (N, D) float32.

        A writer removes the old vectors once the record names the new ones: whoever came too late reads again.
        """
        while True:
            edition = self._edition(provider)
            record = self.record(provider)
            try:
                return record["sample_ids"], read_array(self.folder / record["file"], self.missing)
            except LabelloopError:
                # Not the record itself: one that says the same may have been written after others.
                if self._edition(provider) == edition:
                    raise

    def key(self, provider: str) -> str | None:
        """Names the vectors by their content: what made them, of which images; None when there are none."""
        record = self.record_or_none(provider)
        if record is None:
            return None
        return str(record["file"]).removeprefix(f"{provider}-").removesuffix(".npy")

    def save(self, provider: str, version: str, ids: list[str], vectors: np.ndarray, about: Mapping[str, Any]) -> None:
        """Write vectors first, then the record that names their file: a reader never sees one without the other."""
        name = f"{provider}-{content_hash([version, ids])}.npy"
        write_array(self.folder / name, vectors)
        write_json(self._record_file(provider), {**about, "file": name, "version": version, "sample_ids": ids})
        for old in self.folder.glob(f"{provider}-*.npy"):
            if old.name != name:
                old.unlink()
        shutil.rmtree(self._blocks(provider), ignore_errors=True)

    def keep(self, provider: str, version: str, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Keep a block of vectors until all are there and `save` makes one file of them."""
        name = f"{content_hash(version)}-{content_hash(list(ids))}.npz"
        with replacing(self._blocks(provider) / name) as file:
            np.savez(file, ids=np.array(ids, dtype=str), vectors=vectors)

    def known(self, provider: str, version: str) -> dict[str, np.ndarray]:
        """Vectors by sample id that this version of the provider made: the stored ones, and the kept blocks."""
        found: dict[str, np.ndarray] = {}
        record = self.record_or_none(provider)
        if record and record["version"] == version:
            ids, vectors = self.load(provider)
            found |= zip(ids, np.asarray(vectors), strict=True)  # rows of a memmap are slow to make
        for path in sorted(self._blocks(provider).glob(f"{content_hash(version)}-*.npz")):
            block = read_whole(path, self.missing, partial(_read_block, path))
            found |= zip(block["ids"].tolist(), block["vectors"], strict=True)
        return found

    def places(self, provider: str, key: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """The 2-D map of the vectors, (N, 2), as it was kept under this key; made, and those of before removed, if not.

        Laying it out takes seconds, and whoever asks has to see the same.
        """
        path = self.folder / f"{provider}.map-{key}.npy"
        if not path.is_file():
            write_array(path, make())
            for old in self.folder.glob(f"{provider}.map-*.npy"):
                if old != path:
                    old.unlink(missing_ok=True)
        return np.array(read_array(path, self.missing))

    def _edition(self, provider: str) -> tuple[int, int] | None:
        """Tells one writing of the record from the next."""
        path = self._record_file(provider)
        if not path.is_file():
            return None
        stat = path.stat()
        return stat.st_ino, stat.st_mtime_ns

    def _record_file(self, provider: str) -> Path:
        return self.folder / f"{provider}.json"

    def _blocks(self, provider: str) -> Path:
        return self.folder / f"{provider}.blocks"


def _read_block(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as block:
        return dict(block)
