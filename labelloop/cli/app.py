"""The FiftyOne App on the data set of a project."""

import signal
from collections.abc import Callable

from labelloop.adapters import app_server
from labelloop.adapters.ports import keep_port
from labelloop.cli.signals import StopRequest
from labelloop.resources.project import Project

LOOK_SECONDS = 60.0


def run(now: Project, port: int, say: Callable[[str], None]) -> None:
    """Serve the App on the loopback interface until Ctrl-C; where it runs already, say where."""
    if port:
        keep_port(now.home, app_server.APP, port)
    with StopRequest() as asked:
        app_server.ensure(now.home, now.config, now.settings.name)
        say(app_server.running_url(now.home, now.settings.name) or "")
        while not asked.wait(LOOK_SECONDS):
            pass
        if not app_server.owned(now.home).has_other_clients():
            app_server.shut_down(now.home)


def wait() -> None:
    """Sleep until Ctrl-C or SIGTERM."""
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
