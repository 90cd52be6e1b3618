import json
import stat

import pytest

from labelloop.adapters import sandbox_server
from labelloop.adapters.files.home import Home


@pytest.fixture
def home(tmp_path):
    made = Home.of(tmp_path / "labelloop.yaml", environ={})
    yield made
    sandbox_server.shut_down(made)


def url(home):
    credentials = sandbox_server.ensure(home)
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    return json.loads(credentials.read_text())["url"]


def test_the_server_keeps_its_address_over_a_stop_so_that_links_to_tasks_stay_good(home):
    assert sandbox_server.shut_down(home) is False
    first = url(home)
    assert url(home) == first == f"http://127.0.0.1:{sandbox_server.owned(home).port()}"
    assert sandbox_server.shut_down(home) is True
    assert sandbox_server.owned(home).port() is None
    assert url(home) == first
