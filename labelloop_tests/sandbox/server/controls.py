"""The control endpoint of a sandbox server with a fault key, for tests."""

from dataclasses import dataclass
from typing import Any

import requests

from labelloop.sandbox.server.running import SandboxServer


@dataclass(frozen=True)
class Controls:
    """What a test can do to a server that no client can."""

    server: SandboxServer

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"X-Fault-Key": self.server.fault_key or ""}
        url = f"{self.server.url}/sandbox/control/{path}"
        reply = requests.request(method, url, json=body, headers=headers, timeout=30)
        assert reply.ok, f"{reply.status_code} {reply.text}"
        return reply.json()

    def add(self, kind: str, **fields: Any) -> None:
        """Plan a fault, such as `add("gateway_timeout", method="POST", path="/api/tasks$")`."""
        self.send("POST", "faults", {"kind": kind, **fields})

    def faults(self) -> list[dict[str, Any]]:
        """The planned faults, with how often each has happened."""
        return list(self.send("GET", "faults")["faults"])

    def act(self, what: str, **fields: Any) -> None:
        """Do at once what somebody else might do on the server."""
        self.send("POST", "actions", {"do": what, **fields})

    def hold(self, point: str) -> None:
        """Let no background work pass a point: "queued" (the workers are down), "started" or "failing"."""
        self.send("POST", "workers", {"hold": point})

    def release(self) -> None:
        """Let the background work go on."""
        self.send("POST", "workers", {"hold": None})

    def advance(self, seconds: float) -> None:
        """Put the clock of the server forward."""
        self.send("POST", "clock", {"advance": seconds})

    def requests(self) -> list[dict[str, Any]]:
        """The requests since the last reset: method, path, query, status."""
        return list(self.send("GET", "requests")["requests"])

    def register(self, username: str, password: str) -> int:
        """Add a user who is no admin."""
        return int(self.send("POST", "users", {"username": username, "password": password})["id"])

    def reset(self) -> None:
        """Forget all faults, requests and content; users stay who the server was started with."""
        self.send("POST", "reset")
