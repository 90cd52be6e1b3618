"""OS file locks in the home: the kernel releases them when their holder dies, whatever way it dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold a lock alone; waits for another holder and says so once through `on_wait`."""
    descriptor = _open(path)
    try:
        if not _try_lock(descriptor, fcntl.LOCK_EX):
            if on_wait is not None:
                on_wait(f"waiting for {path.name}, held by process {holder(path) or 'unknown'}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def exclusive_if_free(path: Path) -> Iterator[bool]:
    """Hold a lock alone if nobody else does; yields whether it is held."""
    descriptor = _open(path)
    try:
        yield _try_lock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def shared_for_life(path: Path) -> int:
    """Take a shared lock that this process keeps until it ends, and return its descriptor."""
    descriptor = _open(path)
    while not _try_lock(descriptor, fcntl.LOCK_SH):
        time.sleep(0.02)  # only a test for life holds it exclusively, and only for a moment
    return descriptor


def holder(path: Path) -> int | None:
    """Process id that last took the lock exclusively, if it was written."""
    text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    return int(text) if text.isdigit() else None


def is_held(path: Path) -> bool:
    """Whether some process holds the lock at this moment."""
    if not path.is_file():
        return False
    with exclusive_if_free(path) as free:
        return not free


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
