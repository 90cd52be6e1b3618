"""Ports that stay: a link that was written yesterday leads to the same server when it is up again today."""

import hashlib
import socket

from labelloop.adapters.files import locks
from labelloop.adapters.files.atomic import read_json, write_json
from labelloop.adapters.files.home import Home
from labelloop.core.errors import LabelloopError

# Below what systems hand out to outgoing connections, so that nothing passing by takes a port away.
PORTS = range(20_000, 32_000)


def kept_port(home: Home, server: str) -> int:
    """Port of a server of this home (`webserver`, `app`, `sandbox`), chosen once and written down."""
    with locks.exclusive(home.lock("ports")):
        kept = _kept(home)
        if server not in kept:
            kept[server] = _choose(f"{home.dataset_uuid()}/{server}", set(kept.values()))
            write_json(home.root / "ports.json", kept)
        return kept[server]


def keep_port(home: Home, server: str, port: int) -> None:
    """Write down a port that a person chose."""
    with locks.exclusive(home.lock("ports")):
        write_json(home.root / "ports.json", _kept(home) | {server: port})


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of the loopback interface; asks without knocking."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _kept(home: Home) -> dict[str, int]:
    path = home.root / "ports.json"
    return {name: int(port) for name, port in read_json(path, "Run the same again.").items()} if path.is_file() else {}


def _choose(purpose: str, taken: set[int]) -> int:
    """A free port; the search begins at a place of the home's own, so that two homes that are down rarely meet."""
    start = int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:4], "big")
    for step in range(len(PORTS)):
        port = PORTS[(start + step) % len(PORTS)]
        if port not in taken and is_free(port):
            return port
    raise LabelloopError("No free TCP port on the loopback interface", "Close some programs and try again.")
