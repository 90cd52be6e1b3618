"""Which process did something, told so that it can be found again, or found to be gone, much later."""

import os
import platform

import psutil

SAME_START_S = 1.0  # two processes with one number are at least this far apart


def identity(pid: int | None = None) -> str:
    """Machine, number and start of a process, this one by default, as one word.

    The start counts from that of the machine: a clock that is set right meanwhile does not change it.
    """
    number = os.getpid() if pid is None else pid
    return f"{platform.node()}:{number}:{_started(psutil.Process(number)):.2f}"


def is_gone(told: str) -> bool:
    """Whether a process told by `identity` has certainly ended.

    Of a process of another machine nobody here knows, so it is never said to be gone. A number that another process
    bears by now belongs to a process that is gone.
    """
    node, pid, started = told.rsplit(":", 2)
    if node != platform.node():
        return False
    try:
        process = psutil.Process(int(pid))
        return process.status() == psutil.STATUS_ZOMBIE or abs(_started(process) - float(started)) > SAME_START_S
    except psutil.NoSuchProcess:
        return True


def is_alive(told: str) -> bool:
    """Whether a process told by `identity` certainly runs: on this machine, and nothing speaks against it."""
    return told.rpartition(":")[0].rpartition(":")[0] == platform.node() and not is_gone(told)


def _started(process: psutil.Process) -> float:
    booted = psutil.boot_time()  # asked first: psutil reckons the start of a process from what it knows of this
    return process.create_time() - booted
