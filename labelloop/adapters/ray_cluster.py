"""Ray: pieces of work on the machines of a cluster, or in processes of this one for as long as they are needed.

What all pieces need is sent once to each machine, and its processes read it in shared memory.
"""

import os
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import psutil

from labelloop.core import zcore_jit
from labelloop.core.errors import ConfigError, LabelloopError

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_SECONDS = 5.0  # until a head has to take a connection
_STARTS = 4  # times that a cluster is started before it is given up
# A socket's path has 104 bytes at least, of which Ray takes some 85; macOS alone takes 49 for its own folder.
_SHORT, _COMMON = 16, "/tmp"  # noqa: S108 — in it lies a folder that only its owner reads
_AHEAD = 2  # pieces for each worker that are on their way


@dataclass(frozen=True)
class RayEngine:
    """A cluster that this process is connected to; see `core/engine.py`."""

    workers: int
    far: bool = True

    def over(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """What `work` makes of each piece, in the order of pieces.

        Raises:
            LabelloopError: If the cluster cannot do it.
        """
        import ray

        task = ray.remote(num_cpus=1)(_done)
        running: deque[Any] = deque()
        try:
            shared, code = ray.put(work), _code()
            for piece in pieces:
                running.append(task.remote(shared, piece, code))
                if len(running) > _AHEAD * self.workers:
                    yield ray.get(running.popleft())
            while running:
                yield ray.get(running.popleft())
        except ray.exceptions.RayError as error:
            raise _failed(error) from error
        finally:
            for rest in running:
                ray.cancel(rest, force=True)


@contextmanager
def cluster(address: str) -> Iterator[RayEngine]:
    """Connect to a cluster, or start one on this machine if the address is empty, and end it afterwards.

    Raises:
        ConfigError: If ray is not installed.
        LabelloopError: If the cluster does not answer.
    """
    ray = _ray()
    folder = "" if address else _folder()
    try:
        _connect(ray, address, folder)
        yield RayEngine(max(int(ray.cluster_resources().get("CPU", 1)), 1))
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            f"compute.engine is ray, but ray cannot be imported ({error})",
            "Run `pip install 'labelloop[scale]'`, or set compute.engine: local.",
        ) from error
    return ray


def _folder() -> str:
    """A folder of this process for the files of a cluster, short because sockets lie in it; those of dead ones go."""
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > _SHORT and Path(_COMMON).is_dir():
        base = _COMMON
    for left in Path(base).glob("llray-*-*"):
        owner = left.name.split("-")[1]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"llray-{os.getpid()}-", dir=base)


def _connect(ray: Any, address: str, folder: str) -> None:
    place = {"address": address} if address else {"address": "local", "_temp_dir": folder, "include_dashboard": False}
    try:
        _knock(address)
        _patiently(ray, place, 1 if address else _STARTS)
    except Exception as error:  # ray raises Exception itself; also for a version of its own that differs
        where = f"at {address}" if address else "on this machine"
        raise LabelloopError(
            f"Ray {where} does not answer: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            "Start it (`ray start --head`), correct compute.address in labelloop.yaml, or set compute.engine: local.",
        ) from error


def _patiently(ray: Any, place: dict[str, Any], times: int) -> None:
    """Connect; ray gives a cluster that it starts half a minute, in which a busy machine may not be ready."""
    before = set(psutil.Process().children(recursive=True))
    for left in reversed(range(times)):
        try:
            ray.init(**_in_folder(place, left), log_to_driver=False, logging_level="ERROR")
        except Exception:
            ray.shutdown()
            _end(set(psutil.Process().children(recursive=True)) - before)
            if not left:
                raise
        else:
            return


def _in_folder(place: dict[str, Any], number: int) -> dict[str, Any]:
    """Each try has a folder of its own: of the one before something may still be written."""
    return {**place, "_temp_dir": f"{place['_temp_dir']}/{number}"} if "_temp_dir" in place else place


def _end(processes: set[psutil.Process]) -> None:
    """End what a start that failed has left: ray knows nothing of it, and it would run as long as this process."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=_SECONDS)


def _knock(address: str) -> None:
    """Whether there is anybody: ray itself tries for a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()


def _done(work: Callable[[Piece], Result], piece: Piece, code: str) -> Result:
    """One piece, in a process of the cluster."""
    if code != _code():
        raise LabelloopError(
            f"labelloop on {socket.gethostname()} is another version than here, and might score differently",
            "Install the same version on all machines of the cluster.",
        )
    return work(piece)


@lru_cache(maxsize=1)
def _code() -> str:
    return zcore_jit.code()


def _failed(error: Exception) -> LabelloopError:
    cause = getattr(error, "cause", None)
    if isinstance(cause, LabelloopError):
        return LabelloopError(cause.what, cause.remedy)
    told = str(cause or error).strip().splitlines()
    return LabelloopError(
        f"Ray could not do its part: {told[-1] if told else type(error).__name__}",
        "Look at its machines (`ray status`) and run the step again, which goes on where it was, or set "
        "compute.engine: local.",
    )
