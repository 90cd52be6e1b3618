"""The FiftyOne App on the data set of a project."""

import signal
from collections.abc import Callable

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.app import launch
from labelloop.resources.project import Project


def run(now: Project, port: int, say: Callable[[str], None]) -> None:
    """Serve the App on the loopback interface until Ctrl-C."""
    say("starting the App …")
    url = launch(now.home, mongod.ensure(now.home), now.settings.name, port)
    say(url)
    wait()


def wait() -> None:
    """Sleep until Ctrl-C or SIGTERM."""
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
