"""Servers that labelloop owns: started by whoever comes first, stopped a minute after the last client is gone.

A keeper (`python -m labelloop.adapters.processes …`) runs the server as its child. Clients hold a shared lock
for life; the keeper tests it, so that not even a killed client can keep a server alive or take one away.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from labelloop.adapters.files import locks
from labelloop.adapters.files.atomic import write_json
from labelloop.core.errors import LabelloopError

IDLE_SECONDS = 60.0


@dataclass(frozen=True)
class OwnedServer:
    """A server of the home: its lock files, its record, and how to tell that it answers."""

    name: str
    folder: Path  # holds NAME.start, NAME.clients (locks), NAME.json (record), NAME.log
    answers: Callable[[int], bool]  # whether the server on this port is ours and up
    start_seconds: float = 60.0

    @property
    def record(self) -> Path:
        """Record of the running server: pids and port."""
        return self.folder / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """What the server wrote to its standard output."""
        return self.folder / f"{self.name}.log"

    def port(self) -> int | None:
        """Port of the server if it is up."""
        running = read_record(self.record)
        return running["port"] if running and self.answers(running["port"]) else None

    def ensure(self, command: Callable[[int], Sequence[str]], preferred_port: int = 0) -> int:
        """Become a client for life, start the server if nobody has, and return its port.

        Args:
            command: The server's command line for a port.
            preferred_port: Port taken last time, used again if it is free so that links stay good.

        Raises:
            LabelloopError: If the server does not answer in time; quotes the end of its log.
        """
        with locks.exclusive(self.folder / f"{self.name}.start"):
            _become_client(self.folder / f"{self.name}.clients")
            port = self.port()
            if port is None:
                stop(self)
                port = free_port(preferred_port)
                self._start(port, command(port))
            return port

    def _start(self, port: int, command: Sequence[str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        keeper = [sys.executable, "-m", "labelloop.adapters.processes", self.name, str(self.folder), str(port)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*keeper, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + self.start_seconds
        while not self.answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.terminate()
                raise LabelloopError(f"{self.name} did not start: {_tail(self.log)}", f"The whole log is {self.log}.")
            time.sleep(0.1)


def stop(server: OwnedServer) -> bool:
    """Stop keeper and server, whichever is still there; returns whether something was stopped."""
    running = read_record(server.record)
    found = [process for process in map(_process, (running or {}).get("pids", [])) if process is not None]
    for process in found:
        process.terminate()
    _, stubborn = psutil.wait_procs(found, timeout=20)
    for process in stubborn:
        process.kill()
    server.record.unlink(missing_ok=True)
    return bool(found)


def read_record(path: Path) -> dict | None:
    """The record of a running server, or None when there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def free_port(preferred: int = 0) -> int:
    """A TCP port of the loopback interface that is free now: the preferred one if possible."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise LabelloopError("No free TCP port on the loopback interface", "Close some programs and try again.")


_CLIENT_LOCKS: dict[Path, int] = {}


def _become_client(path: Path) -> None:
    """Hold the shared lock of a server; a forked child keeps its parent's, which is what is wanted."""
    if path not in _CLIENT_LOCKS:
        _CLIENT_LOCKS[path] = locks.shared_for_life(path)


def _process(identity: Sequence[float]) -> psutil.Process | None:
    """The process of a record, unless it is gone and its number belongs to another one by now."""
    pid, created = int(identity[0]), identity[1]
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - created) < 2 else None
    except psutil.NoSuchProcess:
        return None


def _tail(path: Path, lines: int = 3) -> str:
    content = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return " / ".join(content[-lines:]) or "it wrote nothing"


def keep(name: str, folder: Path, port: int, command: Sequence[str], idle_seconds: float = IDLE_SECONDS) -> int:
    """Run a server until it ends, a signal comes, or no client was there for `idle_seconds`."""
    server = subprocess.Popen(list(command), stdin=subprocess.DEVNULL)
    pids = [[process.pid, process.create_time()] for process in (psutil.Process(), psutil.Process(server.pid))]
    write_json(folder / f"{name}.json", {"pids": pids, "port": port})
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    last_client = time.monotonic()
    while server.poll() is None:
        if locks.is_held(folder / f"{name}.clients"):
            last_client = time.monotonic()
        elif time.monotonic() - last_client > idle_seconds:
            _stop_unless_wanted(folder, name, server)
            last_client = time.monotonic()
        time.sleep(0.5)
    return server.returncode


def _stop_unless_wanted(folder: Path, name: str, server: subprocess.Popen) -> None:
    """Stop an idle server, but not while somebody is about to become its client."""
    with locks.exclusive_if_free(folder / f"{name}.start") as nobody_starts:
        if nobody_starts and not locks.is_held(folder / f"{name}.clients"):
            server.terminate()
            server.wait(timeout=30)
            (folder / f"{name}.json").unlink(missing_ok=True)


if __name__ == "__main__":
    idle = float(os.environ.get("LABELLOOP_IDLE_SECONDS", IDLE_SECONDS))
    sys.exit(keep(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:], idle))
