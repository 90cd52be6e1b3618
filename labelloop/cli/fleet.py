"""The servers of a project: started together, mended while they serve, stopped together."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from labelloop.adapters import app_server, dagster_servers, mongod, sandbox_server
from labelloop.adapters.files.home import Home
from labelloop.adapters.processes import OwnedServer, stop
from labelloop.cli.ending import cancelling_runs_of
from labelloop.cli.instance import instance_of
from labelloop.resources.project import Project

# With its groups open: closed, the graph is two boxes that say nothing.
LINEAGE = "/asset-groups?expanded=global@global:pool,global@global:iteration"


@dataclass(frozen=True)
class Member:
    """A server of the fleet; one that is shared outlives the fleet while somebody else uses it."""

    title: str
    server: OwnedServer
    ensure: Callable[[], object]
    shared: bool = False


class Fleet:
    """Database, sandbox, App, Dagster webserver and daemon; as a context it stops them, save what somebody else uses.

    One process at a time has a fleet, so a server that is there already was left behind, or is somebody's: the lock
    of its clients tells.
    """

    def __init__(self, now: Project, *, sandbox: bool = True, port: int = 0) -> None:
        self.now = now
        self.members = members(now, sandbox=sandbox and now.settings.has_sandbox_server, port=port)

    def __enter__(self) -> "Fleet":
        # The first to open a new Dagster home makes its databases; two at once break them for good.
        with instance_of(self.now.home):
            pass
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda member: member.ensure(), self.members))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def mend(self) -> list[str]:
        """Start again what is not there any more; returns the titles."""
        gone = [member for member in self.members if not member.server.is_well()]
        for member in gone:
            member.ensure()
        return [member.title for member in gone]

    def stop(self) -> list[str]:
        """Stop what nobody else uses; returns the titles."""
        # First those that use the others: a database that goes first is an error in somebody's log.
        first = stop_users(self.now, [member for member in self.members if not member.shared])
        shared = [member for member in self.members if member.shared]
        # One after the other, for the App is itself a client of the database.
        return first + [one.title for one in shared if not one.server.has_other_clients() and stop(one.server)]

    @property
    def webserver_port(self) -> int:
        """Port of the Dagster UI."""
        return dagster_servers.webserver(self.now.home, self.now.config).port() or 0

    def links(self) -> dict[str, str]:
        """Where people find what."""
        return links(self.now)


def stop_users(now: Project, these: list[Member]) -> list[str]:
    """Stop servers that use the others, and cancel the runs that end with them; returns the titles."""
    if not these:
        return []
    with cancelling_runs_of(now, dagster_servers.daemon(now.home, now.config)):
        return _stop(these)


def _stop(these: list[Member]) -> list[str]:
    with ThreadPoolExecutor() as pool:
        stopped = list(pool.map(lambda member: stop(member.server), these))
    return [member.title for member, was in zip(these, stopped, strict=True) if was]


def members(now: Project, *, sandbox: bool, port: int = 0) -> list[Member]:
    """The servers of a project, those that use others first."""
    home, config = now.home, now.config
    found = [
        Member(
            "Dagster daemon",
            dagster_servers.daemon(home, config),
            lambda: dagster_servers.start_daemon(home, config),
        ),
        Member(
            "Dagster webserver",
            dagster_servers.webserver(home, config),
            lambda: dagster_servers.start_webserver(home, config, port),
        ),
    ]
    found.append(
        Member(
            "FiftyOne App",
            app_server.owned(home),
            lambda: app_server.ensure(home, config, now.settings.name),
            shared=True,
        )
    )
    if sandbox:
        found.append(
            Member("sandbox server", sandbox_server.owned(home), lambda: sandbox_server.ensure(home), shared=True)
        )
    if not _database_is_given():
        found.append(Member("mongod", mongod.owned(home), lambda: mongod.ensure(home), shared=True))
    return found


def links(now: Project) -> dict[str, str]:
    """Addresses of the servers that run now."""
    found = {}
    webserver = dagster_servers.webserver(now.home, now.config).port()
    if webserver:
        found["Dagster UI"] = f"http://127.0.0.1:{webserver}"
        found["lineage"] = f"http://127.0.0.1:{webserver}{LINEAGE}"
    app = app_server.running_url(now.home, now.settings.name)
    if app:
        found["App"] = app
    sandbox = sandbox_port(now.home) if now.settings.has_sandbox_server else None
    if sandbox:
        found["sandbox"] = f"http://127.0.0.1:{sandbox}"
    return found


def sandbox_port(home: Home) -> int | None:
    """Port of the sandbox server, if it runs."""
    return sandbox_server.owned(home).port()


def _database_is_given() -> bool:
    given = os.environ.get("FIFTYONE_DATABASE_URI", "")
    return bool(given) and mongod.OURS not in given
