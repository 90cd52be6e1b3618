"""What all tests share: one database, because a process can point FiftyOne at one only."""

import os
import tempfile

import pytest
from hypothesis import settings

from labelloop_tests import fiftyone_world

# Whatever the machine says about a CVAT or a project of its own must not reach a test.
for name in ("CVAT_URL", "CVAT_ACCESS_TOKEN", "CVAT_USERNAME", "CVAT_PASSWORD", "LABELLOOP_HOME", "LABELLOOP_CONFIG"):
    if "LABELLOOP_TEST_CVAT_URL" not in os.environ:
        os.environ.pop(name, None)

# Kernels that a test compiles are no part of the user's cache.
os.environ.setdefault("NUMBA_CACHE_DIR", os.path.join(tempfile.gettempdir(), f"labelloop-test-kernels-{os.getuid()}"))  # noqa: PTH118

# The same examples each time, and no deadline: a machine that stalls for a moment proves nothing.
settings.register_profile("labelloop", deadline=None, derandomize=True, database=None)
settings.load_profile("labelloop")


@pytest.fixture(scope="session")
def database() -> str:
    """URI of a real mongod for the whole process; FiftyOne is pointed at it before anything imports it."""
    return fiftyone_world.database()[1]
