"""The App, where people look."""

import os
import socket
from collections.abc import Callable

import uvicorn

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.files.home import Home


def prepared(home: Home, database_uri: str, name: str, door: socket.socket) -> Callable[[], None]:
    """The App's server in this process, ready on a socket that listens already; what is returned serves.

    The data set is made if it is not there, so that whoever looks before the first image finds it empty, not missing.
    """
    # Read at import: a process with the mark is the server, not somebody's session that would start one.
    os.environ["FIFTYONE_SERVER"] = "1"
    LoopDataset.open(home, database_uri, name)
    from fiftyone.server.app import app
    from fiftyone.server.events import set_port

    set_port(door.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    return lambda: server.run(sockets=[door])
