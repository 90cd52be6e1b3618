"""Holds the door of the App: listens at once, and starts FiftyOne behind it when somebody comes.

FiftyOne takes seconds and hundreds of megabytes to come up, and many a loop runs for days without anybody looking.
The first visitor waits in the door; the process stays the same one, so whoever keeps it need not know.
"""

import os
import select
import socket
import sys


def hold(port: int, command: list[str]) -> None:
    """Listen on a port of the loopback interface, and once somebody comes, become `python -m command… SOCKET`."""
    with socket.create_server(("127.0.0.1", port)) as door:
        select.select([door], [], [])
        door.set_inheritable(True)
        os.execv(sys.executable, [sys.executable, "-m", *command, str(door.fileno())])  # noqa: S606  # no shell needed


if __name__ == "__main__":
    hold(int(sys.argv[1]), sys.argv[2:])
