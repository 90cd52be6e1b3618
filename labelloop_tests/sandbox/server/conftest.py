import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cvat_sdk.core.client import AccessTokenCredentials, Client, Config

from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.sandbox.server.world import Api, picture

TaskMaker = Callable[..., int]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    with SandboxServer(tmp_path_factory.mktemp("sandbox") / "state", anonymous_limit=0) as running:
        yield running


@pytest.fixture(scope="session")
def api(server: SandboxServer) -> Api:
    """Raw HTTP with the access token."""
    return Api(server.url, server.credentials.token)


@pytest.fixture(scope="session")
def client(server: SandboxServer) -> Iterator[Client]:
    """The real SDK."""
    with Client(server.url, config=Config(status_check_period=0.05)) as sdk:
        sdk.login(AccessTokenCredentials(server.credentials.token))
        yield sdk


@pytest.fixture(scope="session")
def project(client: Client) -> int:
    labels = [
        {"name": "cell"},
        {"name": "note", "attributes": [{"name": "text", "mutable": False, "input_type": "text", "values": []}]},
    ]
    return int(client.projects.create({"name": "cells", "labels": labels}).id)


@pytest.fixture
def make_task(client: Client, project: int, tmp_path: Path) -> TaskMaker:
    """Makes a finished task of small pictures; returns its id."""
    numbers = itertools.count()

    def make(frames: int = 5, segment_size: int = 2, **spec: str) -> int:
        folder = tmp_path / f"task{next(numbers)}"
        folder.mkdir()
        files = [picture(folder / f"{number}.jpg", red=number * 20) for number in range(frames)]
        task = client.tasks.create({"name": "t", "project_id": project, "segment_size": segment_size, **spec})
        task.upload_data(files, params={"image_quality": 90, "sorting_method": "predefined"})
        return int(task.id)

    return make


@pytest.fixture
def label(api: Api, project: int) -> int:
    """The id of the label without attributes."""
    return int(api.get(f"/api/labels?project_id={project}").json()["results"][0]["id"])
