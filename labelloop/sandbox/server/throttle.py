"""CVAT's limit on anonymous requests."""

import math
import threading
from collections import defaultdict, deque

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.errors import Refusal, detail

WINDOW_SECONDS = 60.0


class Throttle:
    """So many anonymous requests a minute from one address; refused ones do not count.

    Args:
        limit: The most requests in a minute; 0 for no limit.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._seen: dict[str, deque[float]] = defaultdict(deque)

    def check(self, address: str) -> None:
        """Count one request.

        Raises:
            Refusal: 429 with Retry-After, when the limit is reached.
        """
        if self._limit == 0:
            return
        moment = clock.seconds()
        with self._lock:
            seen = self._seen[address]
            while seen and seen[0] <= moment - WINDOW_SECONDS:
                seen.popleft()
            if len(seen) >= self._limit:
                raise _throttled(math.ceil(seen[0] + WINDOW_SECONDS - moment))
            seen.append(moment)

    def clear(self) -> None:
        """Forget who asked."""
        with self._lock:
            self._seen.clear()


def _throttled(seconds: int) -> Refusal:
    text = f"Request was throttled. Expected available in {seconds} second{'' if seconds == 1 else 's'}."
    return detail(429, text, **{"Retry-After": str(seconds)})
