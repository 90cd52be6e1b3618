import io
from pathlib import Path

import pytest

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.blobs import Blobs
from labelloop.sandbox.server.errors import Refusal
from labelloop.sandbox.server.store import Store
from labelloop.sandbox.server.throttle import Throttle
from labelloop.sandbox.server.worker import Worker


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s.sqlite3")


def _request(store: Store, rq_id: str, expiry: str | None, blob: str | None = None) -> None:
    moment = clock.now()
    store.insert(
        "requests", id=rq_id, status="finished", operation={}, payload={}, owner_id=1, created_date=moment,
        expiry_date=expiry, blob=blob,
    )  # fmt: skip


def test_an_expired_request_is_unknown_and_its_file_is_gone(store: Store, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "files")
    blob = blobs.write(io.BytesIO(b"export"))
    worker = Worker(store, blobs, {})
    _request(store, "old", clock.later(-1), blob)
    _request(store, "new", clock.later(60))
    assert worker.find("old") is None
    assert not blobs.path(blob).exists()
    assert worker.find("new") is not None


def test_a_failed_transaction_leaves_nothing_even_when_nested(store: Store) -> None:
    def fail_halfway() -> None:
        with store.transaction():
            store.insert("counters", name="outer", value=1)
            with store.transaction():
                store.insert("counters", name="inner", value=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert store.rows("SELECT * FROM counters") == []


def test_the_throttle_counts_by_address_and_forgets_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: moment[0])
    throttle = Throttle(2)
    for address in ("a", "a", "b"):
        throttle.check(address)
    moment[0] = 1.5
    with pytest.raises(Refusal) as refused:
        throttle.check("a")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "59"})
    moment[0] = 60.0
    throttle.check("a")
