import pytest

from labelloop.adapters.cvat.creation import creation_state, remove_half_made, wait_for_creation
from labelloop.adapters.cvat.push import push_task
from labelloop.core.errors import CvatError, CvatUnreachableError


class Requests:
    """A server whose creation request goes through the given states."""

    url = "http://cvat"

    def __init__(self, *states: tuple[str, str]) -> None:
        self.states = list(states)

    def get(self, path: str, doing: str) -> dict[str, str]:
        assert path == "/api/requests/action%3Dcreate%26target%3Dtask%26target_id%3D9"
        status, message = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"status": status, "message": message}


def test_waits_through_all_states():
    assert wait_for_creation(Requests(("queued", ""), ("started", "…"), ("finished", "")), 9) == ""


def test_a_failure_gives_the_last_line_of_its_traceback():
    message = "Traceback (most recent call last):\n  File x\nOSError: Truncated File Read\n\n"
    assert wait_for_creation(Requests(("failed", message)), 9) == "OSError: Truncated File Read"
    assert wait_for_creation(Requests(("failed", "")), 9) == "CVAT gives no reason"


def test_slow_workers_are_worth_another_try():
    with pytest.raises(CvatUnreachableError, match="task 9"):
        wait_for_creation(Requests(("queued", "")), 9, timeout_s=0.01)


def test_a_request_that_was_never_made_is_unknown(server):
    assert creation_state(server, 999_999_999) == ("unknown", "")


def test_a_task_with_images_is_never_deleted(server, project, make_spec):
    task = push_task(server, project, make_spec())
    with pytest.raises(CvatError, match="not deleted"):
        remove_half_made(server, task.task_id)
    assert push_task(server, project, make_spec()) == task


def test_a_task_that_is_gone_needs_no_deletion(server):
    remove_half_made(server, 999_999_999)
