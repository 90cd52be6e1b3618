"""Sums of the draws that were scored before a run was killed."""

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labelloop.adapters.files.atomic import replacing
from labelloop.core.zcore_run import Kept


@dataclass(frozen=True)
class PartialScores:
    """One file, for one computation: its name tells the vectors, the settings and the code that it belongs to."""

    folder: Path

    def load(self, key: str) -> Kept | None:
        """Where the same computation was; None when it is another one, or what is there cannot be read."""
        try:
            with np.load(self._file(key), allow_pickle=False) as stored:
                return Kept(str(stored["order"]), int(stored["done"]), stored["sums"], int(stored["tile"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, key: str, kept: Kept) -> None:
        """Keep what is done instead of what was kept before, also of other computations."""
        with replacing(self._file(key)) as file:
            np.savez(file, order=np.array(kept.order), done=kept.done, sums=kept.sums, tile=kept.tile)
        for other in self.folder.glob("*.npz"):
            if other != self._file(key):
                other.unlink(missing_ok=True)

    def clear(self) -> None:
        """Nothing is under way any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.npz"
