"""One database for all tests of a process that need FiftyOne: it takes its address once, when it is imported."""

import atexit
import functools
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.files.home import Home

_numbers = itertools.count()


@functools.cache
def database() -> tuple[Home, str]:
    """A home and the URI of its mongod, which ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="labelloop-test-"))
    home = Home.of(folder / "labelloop.yaml", environ={})
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(mongod.shut_down, home)
    # Without labelloop's mark it counts as a server that the user named, and every home of the process takes it.
    uri = mongod.ensure(home, {}).replace(f"&{mongod.OURS}", "")
    os.environ |= {"FIFTYONE_DATABASE_URI": uri, "FIFTYONE_DATABASE_NAME": "labelloop_tests"}
    return home, uri


@pytest.fixture
def loop() -> Iterator[LoopDataset]:
    """An empty data set of the test's own."""
    home, uri = database()
    made = LoopDataset.open(home, uri, f"test {next(_numbers)}")
    yield made
    made.dataset.delete()
