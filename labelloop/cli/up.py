"""`labelloop up` and `labelloop down`: the project's servers, for as long as somebody wants them."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from labelloop.adapters import app_server, mongod, sandbox_server
from labelloop.adapters.files import locks
from labelloop.adapters.files.atomic import write_json
from labelloop.adapters.files.home import Home
from labelloop.adapters.processes import read_record
from labelloop.cli.fleet import Fleet, links, members, stop_users
from labelloop.cli.signals import StopRequest
from labelloop.core.errors import LabelloopError
from labelloop.resources.project import Project

Say = Callable[[str], None]

MEND_SECONDS = 2.0
PATIENCE_SECONDS = 60.0


def run(now: Project, *, sandbox: bool, port: int, say: Say) -> None:
    """Serve until Ctrl-C, then stop what was started; where somebody serves already, say where."""
    with StopRequest() as asked, serving(now, sandbox=sandbox, port=port) as fleet:
        if fleet is None:
            say("labelloop is up already in this project:")
            tell(links(now), say)
            return
        tell(fleet.links(), say)
        say("Ctrl-C stops everything.")
        serve(fleet, asked, say)
        say("stopping …")


def tell(found: dict[str, str], say: Say) -> None:
    """Say where people find what."""
    for title, url in found.items():
        say(f"{title:<12} {url}")


def serve(fleet: Fleet, asked: StopRequest, say: Say) -> None:
    """Keep the servers running until somebody asks to stop."""
    while not asked.wait(MEND_SECONDS):
        for title in fleet.mend():
            say(f"{title} was gone and is there again")


@contextmanager
def serving(now: Project, *, sandbox: bool = True, port: int = 0) -> Iterator[Fleet | None]:
    """The servers of a project as long as the block lasts, or None when another process has them up."""
    with locks.exclusive_if_free(now.home.lock("up")) as free:
        if not free:
            yield None
            return
        try:
            with Fleet(now, sandbox=sandbox, port=port) as fleet:
                _record(fleet)
                yield fleet
        finally:
            record_of(now.home).unlink(missing_ok=True)


def record_of(home: Home) -> Path:
    """`run.json`: who serves, and where."""
    return home.root / "run.json"


def is_up(home: Home) -> bool:
    """Whether a process serves this project; the lock goes with it, whatever way it ends."""
    return locks.is_held(home.lock("up"))


def down(now: Project) -> Iterator[tuple[str, bool]]:
    """Stop all servers of a project, whoever started them; tells each one and whether it was running."""
    served = is_up(now.home)
    if served:
        _end_server_of(now.home)
        yield "labelloop up", True
    users = [member for member in members(now, sandbox=True) if not member.shared and member.server.server_runs()]
    for title in stop_users(now, users):
        yield title, True
    if app_server.shut_down(now.home):
        yield "FiftyOne App", True
    # With `up` gone these two have ended as well, and were running all the same.
    yield "mongod", mongod.shut_down(now.home) or served
    yield "sandbox server", sandbox_server.shut_down(now.home) or served


def _record(fleet: Fleet) -> None:
    me = psutil.Process()
    ports = {member.title: member.server.port() for member in fleet.members}
    record = {"process": [me.pid, me.create_time()], "ports": ports, "links": fleet.links()}
    write_json(record_of(fleet.now.home), record)


def _end_server_of(home: Home) -> None:
    """Ask the process that serves to end, and wait until its lock is free."""
    record = read_record(record_of(home))
    if record is not None and record["process"][0] != os.getpid():
        _ask_to_end(*record["process"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_up(home):
        if time.monotonic() > deadline:
            raise LabelloopError("`labelloop up` of this project does not end", "End it where it runs.")
        time.sleep(0.1)


def _ask_to_end(pid: int, created: float) -> None:
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - created) < 2:
            process.terminate()
    except psutil.NoSuchProcess:
        return
