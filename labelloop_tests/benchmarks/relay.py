"""A relay in front of a server that counts the bytes which pass through it."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Passes everything on to a port of this machine; `up` and `down` are the bytes to and from it."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._lock = threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self.up = self.down = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._door.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for source, target, name in ((client, server, "up"), (server, client, "down")):
                    threading.Thread(target=self._pass_on, args=(source, target, name), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, name: str) -> None:
        with contextlib.suppress(OSError):
            while part := source.recv(1 << 16):
                target.sendall(part)
                with self._lock:
                    setattr(self, name, getattr(self, name) + len(part))
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relay(port: int) -> Iterator[Relay]:
    """A relay to a port, for as long as it is needed."""
    made = Relay(port)
    try:
        yield made
    finally:
        made.close()
