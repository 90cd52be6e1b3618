"""The connection of a project to its CVAT."""

import psutil
import pytest

from labelloop.adapters import sandbox_server
from labelloop.adapters.processes import read_record
from labelloop.core.errors import CvatUnreachableError
from labelloop_tests.elsewhere import wait_until
from labelloop_tests.worlds import make_world


@pytest.fixture
def world(tmp_path):
    made = make_world(tmp_path)
    yield made
    made.close()


def test_a_sandbox_that_was_killed_is_there_again_for_whoever_asks_again(world):
    server = world.cvat.server(world.now)
    killed = psutil.Process(int(read_record(sandbox_server.owned(world.now.home).record)["server"][0]))
    killed.kill()
    wait_until(lambda: not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE)
    with pytest.raises(CvatUnreachableError):
        server.list_all("/api/tasks", "counting")
    assert world.cvat.server(world.now).list_all("/api/tasks", "counting") == []
    assert world.cvat.server(world.now) is server
