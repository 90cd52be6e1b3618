"""What stands between the SDK and the network: a time limit on everything, few repetitions, short waits."""

import email.utils
import threading
import time
from collections.abc import Callable
from typing import Any

import urllib3

CONNECT_TIMEOUT_S = 10.0
# Only what changes nothing is ever repeated; whoever sends a write decides what a lost answer means.
REPEATABLE = frozenset({"GET", "HEAD"})
LONGEST_WAIT_S = 15.0  # the server asks for 10 s while it builds image chunks
MOST_WAITS = 2


class BoundedPool:
    """Takes the place of the connection pool inside the SDK's REST client.

    The SDK gives no time limit for uploads, and its pool would sleep for as long as a server's `Retry-After` says,
    without a word. Here every request has a time limit, reads are repeated once after a broken connection, and a
    `Retry-After` is honoured for reads when it is short; a longer one comes back as the 429 or 503 it is.

    Args:
        pool: The SDK's own `urllib3` pool manager.
        timeout_s: Longest silence of the server within one request.
        sleep: How to wait; tests pass their own.
    """

    def __init__(self, pool: Any, timeout_s: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._pool = pool
        self._timeout = urllib3.Timeout(connect=min(CONNECT_TIMEOUT_S, timeout_s), read=timeout_s)
        self._retries = urllib3.Retry(
            total=1,
            allowed_methods=REPEATABLE,
            other=0,
            redirect=False,
            respect_retry_after_header=False,
        )
        self._longest_wait_s = min(LONGEST_WAIT_S, timeout_s)
        self._sleep = sleep
        self._lock = threading.Lock()
        self.requests = 0

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Send a request as `urllib3.PoolManager.request` does, within the limits above."""
        options["timeout"] = options.get("timeout") or self._timeout
        options["retries"] = self._retries
        for waits_left in range(MOST_WAITS, -1, -1):
            with self._lock:
                self.requests += 1
            response = self._pool.request(method, url, **options)
            wait_s = seconds_to_wait(response.headers.get("Retry-After", ""))
            asked = response.status in {429, 503} and method in REPEATABLE and wait_s is not None
            if not asked or wait_s is None or wait_s > self._longest_wait_s or not waits_left:
                break
            response.drain_conn()
            self._sleep(wait_s)
        return response


def seconds_to_wait(retry_after: str) -> float | None:
    """Seconds that a `Retry-After` header asks for (a number or a date), or None if it says nothing."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    moment = email.utils.parsedate_tz(retry_after)
    return None if moment is None else max(0.0, email.utils.mktime_tz(moment) - time.time())
