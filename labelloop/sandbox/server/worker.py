"""The background thread that creates tasks, exports datasets and restores backups, one request after the other.

A request is a row of the store, so it outlives the process: what was queued or begun when the process died is run
again from its start by the next one. Finished requests expire as they do in CVAT.
"""

import logging
import queue
import threading
import traceback
from collections.abc import Callable
from typing import Any

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.blobs import Blobs
from labelloop.sandbox.server.faults.brake import Brake
from labelloop.sandbox.server.store import Row, Store

logger = logging.getLogger(__name__)

DAY_SECONDS = 24 * 3600
KEPT_SECONDS = {  # how long (a finished, a failed) request of an action is remembered
    "create": (500, 365 * DAY_SECONDS),
    "export": (DAY_SECONDS, DAY_SECONDS),
    "import": (500, 365 * DAY_SECONDS),
}

Result = dict[str, Any]  # columns of the finished request: the file of an export
Action = Callable[[Row, Callable[[str], None]], Result]


class Worker:
    """Runs queued requests.

    Args:
        store: Where the requests are kept.
        blobs: Where their files lie.
        actions: For each action of a request id (`create`, `export`, `import`) what does it.
    """

    def __init__(self, store: Store, blobs: Blobs, actions: dict[str, Action]) -> None:
        self._store = store
        self._blobs = blobs
        self._actions = actions
        self.brake = Brake()
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="sandbox-worker", daemon=True)

    def start(self) -> None:
        """Start the thread, beginning with what an earlier process left undone."""
        for row in self._store.find("requests", order="created_date"):
            if row["status"] in ("queued", "started"):
                self._queue.put(row["id"])
        self._thread.start()

    def stop(self) -> None:
        """End after the request that is being run."""
        self.brake.hold(None)
        self._queue.put(None)
        self._thread.join(timeout=10)

    def settle(self) -> None:
        """Wait until nothing is queued or being run."""
        self._queue.join()

    def submit(self, rq_id: str, operation: Row, payload: Row, owner_id: int) -> None:
        """Queue a request; one that is under way under the same id is left to finish."""
        with self._store.transaction():
            old = self._store.first("requests", id=rq_id)
            if old and old["status"] in ("queued", "started"):
                return
            if old:
                self.forget(old)
            created = clock.now()
            values = {"operation": operation, "payload": payload, "owner_id": owner_id, "created_date": created}
            self._store.insert("requests", id=rq_id, status="queued", **values)
        self._queue.put(rq_id)

    def find(self, rq_id: str) -> Row | None:
        """A request that has not expired."""
        row = self._store.first("requests", id=rq_id)
        if row and row["expiry_date"] and row["expiry_date"] <= clock.now():
            self.forget(row)
            return None
        return row

    def busy(self, rq_id: str) -> bool:
        """Whether a request is queued or being run."""
        row = self.find(rq_id)
        return row is not None and row["status"] in ("queued", "started")

    def forget(self, row: Row) -> None:
        """Drop a request and its file."""
        self._store.delete("requests", id=row["id"])
        self._blobs.delete([row["blob"]] if row["blob"] else [])

    def _run(self) -> None:
        while (rq_id := self._queue.get()) is not None:
            self.brake.wait("queued")
            row = self._store.first("requests", id=rq_id)
            if row is not None:
                self._perform(row)
            self._queue.task_done()

    def _perform(self, row: Row) -> None:
        """Run one request and write down how it ended."""
        name = row["id"].split("&")[0].removeprefix("action=")
        self._store.update("requests", row["id"], status="started", started_date=clock.now())
        self.brake.wait("started")
        try:
            result = self._actions[name](row, lambda text: self._store.update("requests", row["id"], message=text))
        except Exception as error:  # whatever goes wrong is the answer of the request
            logger.info("request %s failed", row["id"], exc_info=error)
            if self.brake.holds("failing"):  # CVAT is seen in this state for a moment only
                self._store.update("requests", row["id"], status="failed", message=traceback.format_exc())
                self.brake.wait("failing")
            self._finish(row["id"], "failed", KEPT_SECONDS[name][1], message=_message(error))
        else:
            self._finish(row["id"], "finished", KEPT_SECONDS[name][0], message="", **result)

    def _finish(self, rq_id: str, status: str, kept: float, **values: Any) -> None:
        expiry = clock.later(kept)
        self._store.update("requests", rq_id, status=status, finished_date=clock.now(), expiry_date=expiry, **values)


def _message(error: Exception) -> str:
    """An exception as the last line of a traceback, which is what CVAT shows."""
    kind = type(error)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"{name}: {error}\n"
