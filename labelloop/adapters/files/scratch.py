"""Large arrays that lie in files for as long as a computation takes, because the memory does not hold them."""

import errno
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from labelloop.adapters.files.atomic import NO_ROOM
from labelloop.core.errors import LabelloopError

Make = Callable[[tuple[int, int], DTypeLike], NDArray]


@contextmanager
def scratch(folder: Path) -> Iterator[Make]:
    """Makes arrays of a shape and a type in a folder that nobody else uses; it vanishes in the end."""
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
    numbers = count()

    def make(shape: tuple[int, int], kind: DTypeLike) -> NDArray:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{next(numbers)}.bin"
        size = math.prod(shape) * np.dtype(kind).itemsize
        _take(path, size)
        return np.memmap(path, dtype=kind, mode="r+", shape=shape)

    try:
        yield make
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _take(path: Path, size: int) -> None:
    """Have the room on the disk before anything is written: a full disk would end the process without a word."""
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            elif shutil.disk_usage(path.parent).free < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            else:
                file.truncate(size)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno not in NO_ROOM:
            raise LabelloopError(f"{path} cannot be written: {error}", "Check the folder's permissions.") from error
        raise LabelloopError(
            f"The disk has no room for {size / 2**30:.1f} GiB in {path.parent}: {error}",
            "Free some space, or raise compute.memory_gib in labelloop.yaml, and run the same step again.",
        ) from error
