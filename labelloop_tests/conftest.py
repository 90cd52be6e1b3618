"""What all tests share: one database, because a process can point FiftyOne at one only."""

import os
from collections.abc import Iterator

import pytest

from labelloop.adapters import mongod
from labelloop.adapters.files.home import Home

# Whatever the machine says about a CVAT or a project of its own must not reach a test.
for name in ("CVAT_URL", "CVAT_ACCESS_TOKEN", "CVAT_USERNAME", "CVAT_PASSWORD", "LABELLOOP_HOME", "LABELLOOP_CONFIG"):
    if "LABELLOOP_TEST_CVAT_URL" not in os.environ:
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URI of a real mongod for the whole session; FiftyOne is pointed at it before anything imports it."""
    folder = tmp_path_factory.mktemp("database")
    home = Home(project=folder, root=folder, media_root=folder)
    own = mongod.ensure(home, environ={"PATH": os.environ.get("PATH", "")})
    # Without labelloop's mark it counts as a server that the user named, and every home of the session takes it.
    uri = own.replace(f"&{mongod.OURS}", "")
    os.environ["FIFTYONE_DATABASE_URI"] = uri
    os.environ["FIFTYONE_DATABASE_NAME"] = "labelloop_tests"
    yield uri
    mongod.shut_down(home)
