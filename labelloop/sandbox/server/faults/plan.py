"""Which fault happens to which request."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labelloop.sandbox.server.errors import bad_field
from labelloop.sandbox.server.store import Row

KINDS = frozenset({
    "gateway_timeout",  # the request is carried out, and answered by the proxy with a 504
    "lost_reply",  # the request is carried out, and the connection reset instead of an answer
    "reset",  # the connection is reset after `bytes` of the request body; nothing is carried out
    "cut_short",  # half of the answer, then the connection is reset
    "too_many",  # 429 with Retry-After `seconds`
    "busy_chunks",  # 429 as CVAT answers when its chunk workers are slow: no body, no content type
    "server_error",  # 500 with an HTML page
    "unavailable",  # 502 with the HTML page of a proxy
    "slow",  # the answer comes `seconds` later
    "act",  # somebody does `action` just before the request is carried out
    "act_after",  # somebody does `action` just after it was
    "drop_webhook",  # a delivery whose event matches `path` is never sent
    "repeat_webhook",  # it is sent twice
})  # fmt: skip


@dataclass
class Fault:
    """A fault and the requests it happens to.

    Args:
        kind: One of `KINDS`.
        method: The method of the requests; "" for any.
        path: A regular expression that is looked for in `path?query`, or in the event of a webhook.
        header: A header the requests have, such as `upload-multiple`; "" for any.
        skip: How many matching requests are spared first.
        times: How many are hit; 0 for all.
        seconds: How long something takes.
        number: How many bytes pass before a reset.
        action: What `act` does.
    """

    kind: str
    method: str = ""
    path: str = ""
    header: str = ""
    skip: int = 0
    times: int = 1
    seconds: float = 1.0
    number: int = 0
    action: Row = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    def strikes(self, method: str, address: str, headers: Mapping[str, str]) -> bool:
        """Whether it happens to this request, which is counted."""
        if self.method not in ("", method) or not re.search(self.path, address):
            return False
        if self.header and self.header not in headers:
            return False
        self.seen += 1
        due = self.seen > self.skip and (self.times == 0 or self.hits < self.times)
        self.hits += due
        return due


class Plan:
    """The planned faults, the oldest first, and a log of the requests that came."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._log: list[Row] = []

    def add(self, fields: Row) -> None:
        """Plan a fault.

        Raises:
            Refusal: 400, when there is no such fault.
        """
        if fields.get("kind") not in KINDS:
            raise bad_field("kind", f'"{fields.get("kind")}" is not a valid choice.')
        unknown = set(fields) - {"kind", "method", "path", "header", "skip", "times", "seconds", "number", "action"}
        if unknown:
            raise bad_field(min(unknown), "There is no such field.")
        with self._lock:
            self._faults.append(Fault(**fields))

    def clear(self) -> None:
        """Forget all faults and the log."""
        with self._lock:
            self._faults.clear()
            self._log.clear()

    def faults(self) -> list[Row]:
        """The faults as they were planned, with `hits`."""
        with self._lock:
            return [dict(vars(fault)) for fault in self._faults]

    def struck(self, method: str, address: str, headers: Mapping[str, str]) -> Fault | None:
        """The fault that happens to a request or, with the method "webhook", to a delivery."""
        webhook = method == "webhook"
        with self._lock:
            mine = [fault for fault in self._faults if fault.kind.endswith("_webhook") == webhook]
            return next((fault for fault in mine if fault.strikes("" if webhook else method, address, headers)), None)

    def log(self, **entry: Any) -> None:
        """Note a request."""
        with self._lock:
            self._log.append(entry)

    def requests(self) -> list[Row]:
        """The requests since the last reset, in the order of their answers."""
        with self._lock:
            return list(self._log)
