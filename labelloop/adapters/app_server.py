"""The FiftyOne App as a process of the home; it costs memory only from the first look on (`app_door`)."""

import socket
import sys
from pathlib import Path
from urllib.parse import quote

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.app import prepared
from labelloop.adapters.files import locks
from labelloop.adapters.files.home import Home
from labelloop.adapters.ports import is_free, kept_port
from labelloop.adapters.processes import OwnedServer, stop
from labelloop.core.vocabulary import slug

APP = "app"  # its name in the home
# Like Dagster's servers it is there for whoever runs `labelloop up` or `labelloop app`.
IDLE_SECONDS = 5.0


def app_url(home: Home, name: str, **shown: str) -> str:
    """Address of a data set in the App, or of a saved `view` or `workspace` of it, whether the App is up or not."""
    return _url(kept_port(home, APP), name, **shown)


def running_url(home: Home, name: str) -> str | None:
    """Address of a data set in the App that runs now, wherever it found room; None when there is none."""
    port = owned(home).port()
    return None if port is None else _url(port, name)


def ensure(home: Home, config: Path, name: str) -> int:
    """Have somebody at the door of the App and return its port."""
    door = [sys.executable, "-m", "labelloop.adapters.app_door"]
    behind = ["labelloop.adapters.app_server", str(config), name]
    return owned(home).ensure(lambda port: [*door, str(port), *behind], preferred_port=kept_port(home, APP))


def owned(home: Home) -> OwnedServer:
    """The home's App."""
    folder = (home.root / "services").resolve()
    process = OwnedServer(APP, folder, answers=lambda _: True)
    return OwnedServer(
        name=APP,
        folder=folder,
        # To knock would be to look.
        answers=lambda port: process.server_runs() and not is_free(port),
        idle_seconds=IDLE_SECONDS,
        cwd=home.project,
        environment={"LABELLOOP_HOME": str(home.root), "PYTHONWARNINGS": "ignore"},
    )


def shut_down(home: Home) -> bool:
    """Stop the App; returns whether it was running."""
    return stop(owned(home))


def answer(config: Path, name: str, door: socket.socket) -> None:
    """Serve the App to those who wait in the door and to all that come later."""
    home = Home.of(config)
    uri = mongod.ensure(home)
    with locks.exclusive(home.lock("dataset")):  # an empty data set may have to be made
        serve = prepared(home, uri, name, door)
    serve()


def _url(port: int, name: str, **shown: str) -> str:
    query = "&".join(f"{kind}={slug(saved)}" for kind, saved in shown.items())
    return f"http://127.0.0.1:{port}/datasets/{quote(name, safe='')}" + (f"?{query}" if query else "")


if __name__ == "__main__":
    answer(Path(sys.argv[1]), sys.argv[2], socket.socket(fileno=int(sys.argv[3])))
