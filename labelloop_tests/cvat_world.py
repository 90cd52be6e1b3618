"""A CVAT to test against, shared by the tests of the adapter and of the annotators.

The same tests run against the sandbox's server and, with `-m cvat`, against any CVAT in LABELLOOP_TEST_CVAT_URL (its
credentials in CVAT_ACCESS_TOKEN, or CVAT_USERNAME and CVAT_PASSWORD). They make their own projects and delete only
those.
"""

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelloop.adapters.cvat.access import CvatAccess, access_from_environment, access_from_file
from labelloop.adapters.cvat.client import CvatServer, connect
from labelloop.adapters.cvat.creation import wait_for_creation
from labelloop.adapters.cvat.names import upload_names
from labelloop.adapters.cvat.projects import ProjectRef, find_or_create_project
from labelloop.adapters.cvat.pull import tasks_of_project
from labelloop.core.annotation import TaskSpec, UploadImage
from labelloop.sandbox.server.running import SandboxServer

LONGEST_CREATION_S = 300.0
CLASSES = ["cat", "dog", "Ünïcorn & co"]


@pytest.fixture(scope="session", params=["sandbox", pytest.param("real", marks=pytest.mark.cvat)])
def access(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CvatAccess]:
    if request.param == "real":
        url = os.environ.get("LABELLOOP_TEST_CVAT_URL", "")
        if not url:
            pytest.skip("LABELLOOP_TEST_CVAT_URL names no CVAT")
        yield access_from_environment({**os.environ, "CVAT_URL": url})
        return
    with SandboxServer(tmp_path_factory.mktemp("sandbox-server"), anonymous_limit=0) as server:
        yield access_from_file(server.data / "credentials.json")


@pytest.fixture(scope="session")
def server(access: CvatAccess) -> CvatServer:
    return connect(access)


@pytest.fixture
def project_name(server: CvatServer) -> Iterator[str]:
    """A name of our own; every project whose name begins with it is deleted in the end, and its tasks with it."""
    name = f"labelloop test {uuid.uuid4().hex[:10]}"
    yield name
    clean(server, name)


def clean(server: CvatServer, name: str) -> None:
    """Delete the projects whose name begins with this, and no other."""
    for project in server.list_all("/api/projects", "cleaning up", search=name):
        if project["name"].startswith(name):
            _delete(server, project["id"])


def _delete(server: CvatServer, project_id: int) -> None:
    """Delete a project; CVAT cannot while one of its tasks is being made."""
    for task in tasks_of_project(server, project_id):
        if not task.size:
            wait_for_creation(server, task.task_id, timeout_s=LONGEST_CREATION_S)
    server.write("DELETE", f"/api/projects/{project_id}", "cleaning up")


@pytest.fixture
def project(server: CvatServer, project_name: str) -> ProjectRef:
    return find_or_create_project(server, project_name, CLASSES)


MakeSpec = Callable[..., TaskSpec]


@pytest.fixture
def make_spec(tmp_path: Path) -> MakeSpec:
    """Writes images and describes a task of them: `make_spec(["a.jpg", "k/a.jpg"], key="k1")`."""

    def make(names: list[str] | int = 3, *, key: str = "key-of-a-task", **changes: Any) -> TaskSpec:
        paths = [f"img{i}.png" for i in range(names)] if isinstance(names, int) else names
        files = {sample_id_of(path): tmp_path / "images" / path for path in paths}
        uploads = upload_names([(sample_id, str(path)) for sample_id, path in files.items()])
        for path in files.values():
            write_image(path)
        images = tuple(UploadImage(sample_id, path, uploads[sample_id]) for sample_id, path in files.items())
        plain = TaskSpec(key, "v0 of the test", "Train", images, segment_size=2, image_quality=95)
        return replace(plain, **changes)

    return make


def sample_id_of(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()


def write_image(path: Path, size: tuple[int, int] = (64, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:4], "big")
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
