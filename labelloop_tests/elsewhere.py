"""Other processes for a test: what must hold between two of them cannot be shown in one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psutil


@contextmanager
def start(code: str, *arguments: object, **environment: str) -> Iterator[subprocess.Popen]:
    """Python running `code`, its standard input and output being pipes; killed when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(code: str, *arguments: object, **environment: str) -> str:
    """What Python prints; it must end well."""
    with start(code, *arguments, **environment) as process:
        out, problems = process.communicate(timeout=60)
        assert process.returncode == 0, problems
    return str(out).strip()


def line(process: subprocess.Popen) -> str:
    """The next line that a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def wait_until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something is true, and fail if it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def still_there(processes: Sequence[psutil.Process], seconds: float = 30.0) -> list[psutil.Process]:
    """Those that have not ended after a while; psutil's own waiting trips over some that end while it begins."""
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if _lives(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return left


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
