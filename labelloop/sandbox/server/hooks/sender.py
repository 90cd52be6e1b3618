"""The thread that delivers webhooks, signed and one after the other; a delivery that fails is not tried again."""

import contextlib
import hashlib
import hmac
import json
import logging
import queue
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.faults.plan import Plan
from labelloop.sandbox.server.store import Row, Store

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
MOST_BYTES = 1 << 20  # of an answer
UNREACHABLE = 502
USER_AGENT = "CVAT/2.54.1 labelloop-sandbox"


@dataclass(frozen=True)
class Delivery:
    """One message to one webhook."""

    webhook: Row
    event: str
    payload: dict[str, Any]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A webhook is not followed elsewhere."""


class Sender:
    """Delivers in the background.

    Args:
        store: Where the webhooks and their deliveries are kept.
        faults: What is dropped or repeated on purpose; None in normal use.
    """

    def __init__(self, store: Store, faults: Plan | None) -> None:
        self._store = store
        self._faults = faults
        self._queue: queue.Queue[Delivery | None] = queue.Queue()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
        self._thread = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End after the delivery that is under way; those behind it are lost, as with CVAT's own queue."""
        self._queue.put(None)
        self._thread.join(timeout=TIMEOUT_SECONDS)

    def discard(self) -> None:
        """Forget what is queued."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()

    def emit(self, event: str, project_id: int | None, payload: dict[str, Any]) -> None:
        """Queue a message for every active webhook of a project that listens to the event."""
        for webhook in self._store.find("webhooks", project_id=project_id) if project_id is not None else ():
            if webhook["is_active"] and event in webhook["events"]:
                self._queue.put(Delivery(webhook, event, {**payload, "webhook_id": webhook["id"]}))

    def deliver(self, delivery: Delivery) -> Row:
        """Send one message now and note how it went."""
        body = json.dumps(delivery.payload).encode()
        status, answer = self._post(delivery.webhook, body)
        moment = clock.now()
        delivery_id = self._store.insert(
            "deliveries", webhook_id=delivery.webhook["id"], event=delivery.event, status_code=status,
            created_date=moment, updated_date=moment, payload=delivery.payload, response=answer,
            changed_fields=",".join(delivery.payload.get("before_update", {})),
        )  # fmt: skip
        return self._store.find("deliveries", id=delivery_id)[0]

    def _run(self) -> None:
        while (delivery := self._queue.get()) is not None:
            fault = self._faults.struck("webhook", delivery.event, {}) if self._faults else None
            if fault is None or fault.kind != "drop_webhook":
                self.deliver(delivery)
            if fault is not None and fault.kind == "repeat_webhook":
                self.deliver(delivery)

    def _post(self, webhook: Row, body: bytes) -> tuple[int, str]:
        """The status and the beginning of the answer."""
        headers = {"Content-Type": webhook["content_type"], "User-Agent": USER_AGENT}
        if webhook["secret"]:
            digest = hmac.new(webhook["secret"].encode(), body, hashlib.sha256).hexdigest()
            headers["X-Signature-256"] = f"sha256={digest}"
        request = urllib.request.Request(webhook["target_url"], body, headers, method="POST")  # noqa: S310 — checked when it was made
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as reply:
                return reply.status, reply.read(MOST_BYTES).decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(MOST_BYTES).decode(errors="replace")
        except OSError as error:
            logger.info("webhook %s: %s", webhook["id"], error)
            return UNREACHABLE, str(error)
