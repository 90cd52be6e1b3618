"""How kernels are compiled, and where what was compiled is kept.

What is compiled goes to the user's cache folder, never next to the code: that may be read-only or a checkout. The
folder is named after the code of all kernels, because numba notices a change in the file of a kernel, but not in those
that it calls. `NUMBA_CACHE_DIR` is heeded.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def kernel(function: _Kernel) -> _Kernel:
    """Compile a function when it is first called; others run beside it; kept on disk where there is a place."""
    import numba

    place, before = cache_folder(), numba.config.CACHE_DIR
    if place is not None:
        numba.config.CACHE_DIR = str(place)
    try:
        compiled: _Kernel = numba.njit(function, nogil=True, cache=place is not None)
    finally:
        numba.config.CACHE_DIR = before
    return compiled


def were_compiled(kind: np.dtype) -> bool:
    """Whether an earlier process had all kernels for a precision; for another processor they are compiled again."""
    place = cache_folder()
    return place is not None and (place / f"compiled-{kind.name}").is_file()


def note_compiled(kind: np.dtype) -> None:
    """Remember that all kernels for a precision are there and work."""
    place = cache_folder()
    if place is not None:
        with suppress(OSError):  # the next process finds out by itself
            (place / f"compiled-{kind.name}").touch()


def owed(kind: np.dtype, seconds: float) -> float:
    """Seconds that kernels of a precision would have saved until now, these included."""
    place = cache_folder()
    if place is None:
        return seconds
    file = place / f"owed-{kind.name}"
    with suppress(OSError, ValueError):
        seconds += float(file.read_text(encoding="ascii"))
    with suppress(OSError):
        file.write_text(str(seconds), encoding="ascii")
    return seconds


def forget() -> None:
    """Remove what is kept, because it does not work."""
    place = cache_folder()
    if place is not None:
        shutil.rmtree(place, ignore_errors=True)


def cache_folder() -> Path | None:
    """Where compiled kernels are kept; None where nothing can be written."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    with suppress(OSError, RuntimeError):  # no home, or one that is read-only: each process compiles for itself
        # By what the code is: numba itself only sees whether the file of a kernel changed, not those it calls.
        place = (Path(named) if named else _user_cache() / "labelloop") / f"kernels-{code()}"
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return place
    return None


def _user_cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".cache"


def code() -> str:
    """Names the code that decides scores."""
    files = sorted(Path(__file__).parent.glob("zcore*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
