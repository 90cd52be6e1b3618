"""What all tests share: one database, because a process can point FiftyOne at one only."""

import os
import tempfile

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from labelloop_tests import fiftyone_world

# Whatever the machine says about a CVAT or a project of its own must not reach a test.
for name in ("CVAT_URL", "CVAT_ACCESS_TOKEN", "CVAT_USERNAME", "CVAT_PASSWORD", "LABELLOOP_HOME", "LABELLOOP_CONFIG"):
    if "LABELLOOP_TEST_CVAT_URL" not in os.environ:
        os.environ.pop(name, None)

# There are more workers than cores already: threads of BLAS would wait for each other, and spin.
if "PYTEST_XDIST_WORKER" in os.environ and "OMP_NUM_THREADS" not in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # for processes that tests start; here it is too late
    threadpool_limits(1, user_api="blas")

# Kernels that a test compiles are no part of the user's cache.
os.environ.setdefault("NUMBA_CACHE_DIR", os.path.join(tempfile.gettempdir(), f"labelloop-test-kernels-{os.getuid()}"))  # noqa: PTH118

# The same examples each time, and no deadline: a machine that stalls for a moment proves nothing.
settings.register_profile("labelloop", deadline=None, derandomize=True, database=None)
settings.load_profile("labelloop")


# A file stays with one worker, so those that take longest come first, or one worker is at them when all else is done.
LONGEST = (
    "crashes/", "cli/test_demo.py", "test_readme.py", "test_daemon.py", "cli/test_up.py", "test_browser.py",
    "assets/test_projection.py", "assets/test_schema_changes.py", "assets/test_loop.py", "test_sensors.py",
    "assets/test_report.py", "core/test_zcore_compiled.py", "resources/test_replay.py",
)  # fmt: skip


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: half of the time is waiting for servers."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest files first; the order within a file stays."""
    items.sort(key=lambda item: next((at for at, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests want to be seen although they passed: each `record_property("shown", …)`, also that of a worker."""
    ended = [one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, ())]
    lines = [
        str(value) for one in ended if one.when == "call" for name, value in one.user_properties if name == "shown"
    ]
    if lines:
        terminalreporter.section("shown by tests")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def database() -> str:
    """URI of a real mongod for the whole process; FiftyOne is pointed at it before anything imports it."""
    return fiftyone_world.database()[1]
