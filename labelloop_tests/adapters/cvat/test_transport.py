import email.utils
import time
from typing import Any

import pytest
import urllib3

from labelloop.adapters.cvat.transport import BoundedPool, seconds_to_wait


class Pool:
    """Answers with the given statuses in turn and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.answers, self.asked = list(answers), []

    def request(self, method: str, url: str, **options: Any) -> urllib3.HTTPResponse:
        self.asked.append((method, options))
        status, wait = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return urllib3.HTTPResponse(body=b"", status=status, headers={"Retry-After": wait} if wait else {})


def bounded(*answers: tuple[int, str]) -> tuple[BoundedPool, Pool, list[float]]:
    pool, slept = Pool(*answers), []
    return BoundedPool(pool, 60.0, sleep=slept.append), pool, slept


def test_a_short_wait_is_honoured():
    pool, _, slept = bounded((429, "10"), (200, ""))
    assert pool.request("GET", "/chunk").status == 200
    assert slept == [10.0]
    assert pool.requests == 2


def test_a_long_wait_comes_back_at_once():
    pool, _, slept = bounded((429, "59"))
    assert pool.request("GET", "/about").status == 429
    assert (slept, pool.requests) == ([], 1)


def test_who_has_little_time_does_not_wait_long_either():
    inner, slept = Pool((429, "3")), []
    assert BoundedPool(inner, 2.0, sleep=slept.append).request("GET", "/chunk").status == 429
    assert slept == []


def test_waiting_has_an_end():
    pool, _, slept = bounded((503, "5"))
    assert pool.request("GET", "/chunk").status == 503
    assert slept == [5.0, 5.0]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_is_never_repeated(method: str):
    pool, _, slept = bounded((429, "1"))
    pool.request(method, "/tasks")
    assert (slept, pool.requests) == ([], 1)
    assert not pool._retries._is_method_retryable(method)


def test_an_error_without_a_wait_is_not_repeated():
    pool, _, _ = bounded((500, ""))
    pool.request("GET", "/tasks")
    assert pool.requests == 1


def test_every_request_has_a_time_limit():
    pool, inner, _ = bounded((200, ""))
    own = urllib3.Timeout(3)
    pool.request("POST", "/data", timeout=None)
    pool.request("GET", "/data", timeout=own)
    (_, first), (_, second) = inner.asked
    assert (first["timeout"].connect_timeout, first["timeout"].read_timeout) == (10.0, 60.0)
    assert second["timeout"] is own


def test_reads_both_forms_of_retry_after():
    assert seconds_to_wait("7") == 7.0
    assert seconds_to_wait(email.utils.formatdate(time.time() + 30, usegmt=True)) == pytest.approx(30, abs=2)
    assert seconds_to_wait(email.utils.formatdate(time.time() - 30, usegmt=True)) == 0.0
    assert seconds_to_wait("") is None
    assert seconds_to_wait("soon") is None
