"""What all tests share: one database, because a process can point FiftyOne at one only."""

import os

import pytest

from labelloop_tests import fiftyone_world

# Whatever the machine says about a CVAT or a project of its own must not reach a test.
for name in ("CVAT_URL", "CVAT_ACCESS_TOKEN", "CVAT_USERNAME", "CVAT_PASSWORD", "LABELLOOP_HOME", "LABELLOOP_CONFIG"):
    if "LABELLOOP_TEST_CVAT_URL" not in os.environ:
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def database() -> str:
    """URI of a real mongod for the whole process; FiftyOne is pointed at it before anything imports it."""
    return fiftyone_world.database()[1]
