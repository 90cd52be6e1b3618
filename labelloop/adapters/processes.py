"""Servers that labelloop owns: started by whoever comes first, stopped a minute after the last client is gone.

A keeper (`python -m labelloop.adapters.processes …`) runs the server as its child. Clients hold a shared lock
for life; the keeper tests it, so that not even a killed client can keep a server alive or take one away. A server
whose keeper was killed is adopted by a new one as soon as the next client comes. What a server started itself is in
its process group, and ends with it.
"""

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from labelloop.adapters.files import locks
from labelloop.adapters.files.atomic import write_json
from labelloop.core.errors import LabelloopError

IDLE_SECONDS = 60.0
# Between the look at a port and the server's own, anybody may take it: another home, or a connection passing by.
PORT_TRIES = 5


class _PortTakenError(LabelloopError):
    """Somebody else was faster."""


@dataclass(frozen=True)
class OwnedServer:
    """A server of the home: its lock files, its record, and how to tell that it answers."""

    name: str
    folder: Path  # holds NAME.start, NAME.clients (locks), NAME.json (record), NAME.log
    answers: Callable[[int], bool]  # whether the server on this port is ours and up
    start_seconds: float = 60.0
    idle_seconds: float = IDLE_SECONDS  # how long it outlives its last client
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)  # on top of that of whoever starts it

    @property
    def record(self) -> Path:
        """Record of the running server: pids and port."""
        return self.folder / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """What the server wrote to its standard output."""
        return self.folder / f"{self.name}.log"

    def port(self) -> int | None:
        """Port of the server if it is up; one that was started before its home was moved or copied does not count."""
        running = read_record(self.record)
        if running is None or running["folder"] != str(self.folder):
            return None
        return int(running["port"]) if self.answers(running["port"]) else None

    def server_runs(self) -> bool:
        """Whether the recorded process runs, answering or not."""
        running = read_record(self.record)
        return running is not None and _process(running["server"]) is not None

    def pids(self) -> set[int]:
        """Processes of the server and of all that it started."""
        running = read_record(self.record)
        return {process.pid for process in _group(running)} if running is not None else set()

    def is_well(self) -> bool:
        """Whether the recorded process runs and somebody looks after it."""
        return self.server_runs() and self._is_kept()

    def has_other_clients(self) -> bool:
        """Whether anybody but this process uses the server; this one ceases to be a client."""
        held = _CLIENT_LOCKS.pop(self.folder / f"{self.name}.clients", None)
        if held is not None:
            os.close(held)
        return locks.is_held(self.folder / f"{self.name}.clients")

    def ensure(self, command: Callable[[int], Sequence[str]], preferred_port: int = 0) -> int:
        """Become a client for life, start the server if nobody has, and return its port.

        Args:
            command: The server's command line for a port.
            preferred_port: Port to take if it is free, so that links stay good; without one, that of last time.

        Raises:
            LabelloopError: If the server does not answer in time; quotes the end of its log.
        """
        with locks.exclusive(self.folder / f"{self.name}.start"):
            _become_client(self.folder / f"{self.name}.clients")
            port = self.port()
            if port is None:
                last = (read_record(self.record) or {}).get("port", 0)
                for _ in range(PORT_TRIES - 1):
                    with contextlib.suppress(_PortTakenError):
                        return self._start(command, preferred_port or last)
                return self._start(command, preferred_port or last)
            if not self._is_kept():
                self._start_keeper(port)
            return port

    def _start(self, command: Callable[[int], Sequence[str]], preferred: int) -> int:
        stop(self)
        port = free_port(preferred)
        self._start_keeper(port, command(port))
        return port

    def _is_kept(self) -> bool:
        running = read_record(self.record)
        return running is not None and _process(running["keeper"]) is not None

    def _start_keeper(self, port: int, command: Sequence[str] = ()) -> None:
        """Have a keeper run this command or, without one, adopt the server that is running."""
        self.folder.mkdir(parents=True, exist_ok=True)
        idle = os.environ.get("LABELLOOP_IDLE_SECONDS", str(self.idle_seconds))
        keeper = [sys.executable, "-m", "labelloop.adapters.processes", self.name, str(self.folder), str(port), idle]
        with self.log.open("ab") as log:
            written = log.tell()
            process = subprocess.Popen(
                [*keeper, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=self.cwd, env={**os.environ, **self.environment},
            )  # fmt: skip
        deadline = time.monotonic() + self.start_seconds
        while not (self._is_kept() and self.port() == port):
            ended = process.poll() is not None
            if ended or time.monotonic() > deadline:
                process.terminate()
                failure = _PortTakenError if ended and _names_taken_port(self.log, written) else LabelloopError
                raise failure(f"{self.name} did not start: {_tail(self.log)}", f"The whole log is {self.log}.")
            time.sleep(0.1)


def stop(server: OwnedServer) -> bool:
    """Stop keeper and server, whichever is still there; returns whether something was stopped.

    The record of a home that was copied tells of a server of the original, which is left alone.
    """
    running = read_record(server.record)
    found: list[psutil.Process] = []
    if running is not None and (running["folder"] == str(server.folder) or not Path(running["folder"]).is_dir()):
        named = [process for process in map(_process, (running["keeper"], running["server"])) if process is not None]
        found = list({*named, *_group(running)})
    _end(found)
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
    held = _CLIENT_LOCKS.get(path)
    if held is None or not path.exists() or not os.path.samestat(os.fstat(held), path.stat()):
        _CLIENT_LOCKS[path] = locks.shared_for_life(path)


def _process(identity: Sequence[float]) -> psutil.Process | None:
    """The process of a record, unless it is gone and its number belongs to another one by now."""
    pid, created = int(identity[0]), identity[1]
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - created) < 2 and _alive(process) else None
    except psutil.NoSuchProcess:
        return None


def _group(running: Mapping) -> list[psutil.Process]:
    """What is left of the process group of a recorded server, itself included.

    The number of a group is not given away while a member lives. So a process that has it and is younger than the
    server proves that all of ours are gone, and so does a machine that was started since.
    """
    group, born = running.get("group", 0), running["server"][1] + 2
    if not group or psutil.boot_time() > born or _created(group) > born:
        return []
    return [process for process in psutil.process_iter() if _group_of(process.pid) == group]


def _created(pid: int) -> float:
    """When a process was started; long ago if it is gone."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return 0.0


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except (ProcessLookupError, PermissionError):
        return 0


def _alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that has ended but whose parent has not noticed does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end(processes: Sequence[psutil.Process], patience: float = 20.0) -> None:
    """Ask processes to end, and make those end that do not in time."""
    for process in filter(_alive, processes):
        process.terminate()
    deadline = time.monotonic() + patience
    while any(map(_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for process in filter(_alive, processes):
        process.kill()


def _names_taken_port(log: Path, begin: int) -> bool:
    """Whether a log tells, from this byte on, that an address is in use; servers quote the system's words for it."""
    words = os.strerror(errno.EADDRINUSE).casefold()
    return words in log.read_bytes()[begin:].decode("utf-8", errors="replace").casefold()


def _tail(path: Path, lines: int = 3) -> str:
    content = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return " / ".join(content[-lines:]) or "it wrote nothing"


def keep(name: str, folder: Path, port: int, command: Sequence[str], idle_seconds: float = IDLE_SECONDS) -> None:
    """Run a server, or adopt the recorded one if there is no command, and end it when it is time.

    That is when a signal comes, or when no client was there for `idle_seconds`.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    record = folder / f"{name}.json"
    server = psutil.Popen(list(command), stdin=subprocess.DEVNULL) if command else _recorded(record)
    group = _group_of(server.pid)
    try:
        keeper, child = ([process.pid, process.create_time()] for process in (psutil.Process(), server))
        write_json(record, {"keeper": keeper, "server": child, "port": port, "folder": str(folder), "group": group})
        _watch(name, folder, server, group, idle_seconds)
    finally:
        _end_group(server, group)


def _end_group(server: psutil.Process, group: int) -> None:
    """End a server and all that it started; a group that is not the server's own is nobody to be ended with it."""
    others = [p for p in psutil.process_iter() if group and _group_of(p.pid) == group and p.pid != os.getpid()]
    _end(list({server, *others}))


def _recorded(record: Path) -> psutil.Process:
    running = read_record(record)
    return psutil.Process(int(running["server"][0]) if running else -1)


def _watch(name: str, folder: Path, server: psutil.Process, group: int, idle_seconds: float) -> None:
    """Return when the server ends; end it when it is idle, but not while somebody is about to become its client."""
    clients, start = folder / f"{name}.clients", folder / f"{name}.start"
    last_client = time.monotonic()
    while _alive(server):
        if locks.is_held(clients):
            last_client = time.monotonic()
        elif not folder.is_dir():  # the home was moved: whoever comes next looks for the server there
            _end_group(server, group)
        elif time.monotonic() - last_client > idle_seconds:
            with locks.exclusive_if_free(start) as nobody_starts:
                if nobody_starts and not locks.is_held(clients):
                    _end_group(server, group)
                    (folder / f"{name}.json").unlink(missing_ok=True)
        time.sleep(0.5)


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[5:], float(sys.argv[4]))
