"""What every request of one running sandbox shares."""

from dataclasses import dataclass

from labelloop.sandbox.server.blobs import Blobs
from labelloop.sandbox.server.faults.plan import Plan
from labelloop.sandbox.server.hooks.sender import Sender
from labelloop.sandbox.server.store import Store
from labelloop.sandbox.server.throttle import Throttle
from labelloop.sandbox.server.worker import Worker


@dataclass(frozen=True)
class World:
    """State and services of one sandbox; `pages` is off where strangers could reach them."""

    store: Store
    blobs: Blobs
    worker: Worker
    throttle: Throttle
    hooks: Sender
    hosts: frozenset[str] | None  # names under which a browser may call this server; None for any
    pages: bool
    faults: Plan | None = None  # what goes wrong on purpose; None in normal use
