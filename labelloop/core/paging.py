"""Arrays that lie in files: the memory their pages take is given back by hand, or it grows to the whole file.

A page that is given back stays in the system's cache and in its file, where whoever looks at it again finds it.
"""

import mmap

import numpy as np
from numpy.typing import NDArray


def let_go(array: NDArray) -> None:
    """Give back the pages of an array that lies in a file; others stay as they are. Nothing is lost."""
    _advise(array, mmap.MADV_DONTNEED)


def fetch(array: NDArray) -> None:
    """Ask for the pages of an array that lies in a file, all together and before they are looked at."""
    _advise(array, mmap.MADV_WILLNEED)


def _advise(array: NDArray, advice: int) -> None:
    mapped = _mapping(array)
    if mapped is None or not array.size:
        return
    low, high = np.lib.array_utils.byte_bounds(array)
    start = np.frombuffer(mapped, dtype=np.uint8).ctypes.data
    first = (low - start) // mmap.PAGESIZE * mmap.PAGESIZE
    mapped.madvise(advice, first, high - start - first)


def _mapping(array: NDArray) -> mmap.mmap | None:
    """The file mapping below an array, through all views of it."""
    below: object = array
    while isinstance(below, np.ndarray):
        below = below.base
    return below if isinstance(below, mmap.mmap) else None
