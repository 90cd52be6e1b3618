"""How kernels are compiled, and where what was compiled is kept.

What is compiled goes to the user's cache folder, never next to the code: that may be read-only or a checkout. The
folder is named after the code of all kernels, because numba notices a change in the file of a kernel, but not in those
that it calls. `NUMBA_CACHE_DIR` is heeded.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

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


def is_compiled(module: str, name: str) -> bool:
    """Whether an earlier process left a kernel in the cache; if it was for another processor, it is compiled again."""
    place = cache_folder()
    return place is not None and any(place.glob(f"*/{module}.{name}-*.nbc"))


def cache_folder() -> Path | None:
    """Where compiled kernels are kept; None where nothing can be written."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    with suppress(OSError, RuntimeError):  # no home, or one that is read-only: each process compiles for itself
        # By what the code is: numba itself only sees whether the file of a kernel changed, not those it calls.
        place = (Path(named) if named else _user_cache() / "labelloop") / f"kernels-{_code()}"
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return place
    return None


def _user_cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".cache"


def _code() -> str:
    files = sorted(Path(__file__).parent.glob("zcore*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
