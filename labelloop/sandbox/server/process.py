"""The server as a process: one per folder, ready when `server.json` says so, gone cleanly on SIGTERM."""

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from labelloop.core.errors import ConfigError
from labelloop.sandbox.server import accounts, credentials
from labelloop.sandbox.server.app import create_app
from labelloop.sandbox.server.blobs import Blobs
from labelloop.sandbox.server.exports.exporter import Exporter
from labelloop.sandbox.server.exports.restore import Restorer
from labelloop.sandbox.server.faults.plan import Plan
from labelloop.sandbox.server.hooks.sender import Sender
from labelloop.sandbox.server.rules.creation import Creator
from labelloop.sandbox.server.store import Store
from labelloop.sandbox.server.throttle import Throttle
from labelloop.sandbox.server.worker import Action, Worker
from labelloop.sandbox.server.world import World

SERVER_FILE = "server.json"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
GRACE_SECONDS = 5


@dataclass(frozen=True)
class Options:
    """How a server is started."""

    data: Path
    port: int = 0  # 0 takes any free one
    host: str = "127.0.0.1"
    anonymous_limit: int = 300
    user: str | None = None
    password: str | None = None
    fault_key: str | None = None  # whoever has it may make things go wrong; None in normal use


def serve(options: Options) -> None:
    """Serve a folder until SIGTERM or Ctrl-C.

    Raises:
        ConfigError: If another process serves the folder, or the port is taken, or a fault key is given to a server
            that strangers can reach.
    """
    if options.fault_key and options.host not in LOOPBACK:
        raise ConfigError("A fault key is for loopback only", "Take the fault key or --host away.")
    signal.signal(signal.SIGTERM, _leave)
    options.data.mkdir(parents=True, exist_ok=True)
    with _locked(options.data), _listening(options) as listener:
        port = listener.getsockname()[1]
        url = f"http://{options.host}:{port}"
        ready = {"pid": os.getpid(), "port": port, "url": url}
        file = options.data / SERVER_FILE
        file.unlink(missing_ok=True)  # what a killed process left
        with _world(options, url) as world:
            config = uvicorn.Config(
                create_app(world), log_level="warning", timeout_graceful_shutdown=GRACE_SECONDS, server_header=False
            )
            try:
                _Server(config, file, ready).run(sockets=[listener])
            finally:
                file.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """Tells in a file that it listens, as soon as it does."""

    def __init__(self, config: uvicorn.Config, file: Path, ready: dict[str, int | str]) -> None:
        super().__init__(config)
        self._file = file
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        await asyncio.to_thread(credentials.write_private, self._file, self._ready)


@contextmanager
def _world(options: Options, url: str) -> Iterator[World]:
    """Open the state of a folder, with its worker running."""
    own = credentials.prepare(options.data, url, options.user, options.password)
    store, blobs = Store(options.data / "sandbox.sqlite3"), Blobs(options.data / "files")
    accounts.ensure_user(store, own.username, own.password, own.token)
    blobs.sweep(keep=_referenced(store))
    faults = Plan(options.fault_key) if options.fault_key else None
    hooks, throttle = Sender(store, faults), Throttle(options.anonymous_limit)
    actions: dict[str, Action] = {
        "create": Creator(store, blobs, hooks),
        "export": Exporter(store, blobs),
        "import": Restorer(store, blobs),
    }
    worker = Worker(store, blobs, actions)
    local = options.host in LOOPBACK
    hosts = LOOPBACK if local else None
    world = World(store, blobs, worker, throttle, hooks, hosts, pages=local, faults=faults)
    hooks.start()
    worker.start()
    try:
        yield world
    finally:
        worker.stop()
        hooks.stop()
        store.close()


def _referenced(store: Store) -> set[str]:
    """The blobs that some row speaks of."""
    tables = ("frames", "client_files", "partial_files", "requests")
    return {row["blob"] for table in tables for row in store.find(table) if row["blob"]}


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder; the kernel lets go of it when the process dies, however it dies."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            what = f"Another server already serves {folder}"
            raise ConfigError(what, "Stop it, or choose another --data.") from error
        yield


@contextmanager
def _listening(options: Options) -> Iterator[socket.socket]:
    """A listening socket on the address of the options."""
    try:
        listener = socket.create_server((options.host, options.port))
    except OSError as error:
        what = f"Cannot listen on {options.host}:{options.port}: {error}"
        raise ConfigError(what, "Choose another --port.") from error
    with listener:
        yield listener


def _leave(_: int, __: FrameType | None) -> None:
    """SIGTERM outside of uvicorn's own care: before it listens, and once more when it is done."""
    raise SystemExit(0)
