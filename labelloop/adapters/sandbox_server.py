"""The sandbox's CVAT-compatible server as a process of the home, started by whoever needs it first."""

import json
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from labelloop.adapters.files.home import Home
from labelloop.adapters.ports import kept_port
from labelloop.adapters.processes import OwnedServer, stop


def ensure(home: Home) -> Path:
    """Have the server running and return the file with its address and credentials."""
    folder = data_folder(home)
    owned(home).ensure(
        lambda port: [sys.executable, "-m", "labelloop.sandbox.server", "--data", str(folder), "--port", str(port)],
        preferred_port=_last_port(folder) or kept_port(home, "sandbox"),
    )
    return folder / "credentials.json"


def owned(home: Home) -> OwnedServer:
    """The home's sandbox server."""
    folder = data_folder(home)
    return OwnedServer(name="sandbox", folder=folder.parent, answers=lambda port: _serves(folder, port))


def shut_down(home: Home) -> bool:
    """Stop the server; returns whether it was running."""
    return stop(owned(home))


def data_folder(home: Home) -> Path:
    """Where the server keeps its tasks and pictures."""
    return (home.root / "sandbox").resolve() / "server"


def _last_port(folder: Path) -> int:
    """The port of last time, so that links to tasks stay good; a server that was stopped only leaves credentials."""
    url = _read(folder / "credentials.json").get("url", "")
    return urlsplit(url).port or 0


def _serves(folder: Path, port: int) -> bool:
    """Whether this home's server says that it has the port, and something listens there."""
    if _read(folder / "server.json").get("port") != port:
        return False
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
