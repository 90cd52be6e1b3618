"""`dagster …` in a process of its own that dies, or kills a server, at an exact point: the n-th call of a function.

The processes are forked off one that has imported everything and done nothing, so that each begins within a moment.
"""

import functools
import importlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from dagster._cli import main as dagster

from labelloop.adapters.processes import read_record
from labelloop.cli.main import main as labelloop
from labelloop_tests.crashes.dump import dump

IMPORTED = ["labelloop.definitions", "labelloop_tests.crashes.command", "ultralytics", "cvat_sdk.core.client"]
RECORDS = {"mongod": "mongo/mongod.json", "sandbox": "sandbox/sandbox.json"}
RUN, MONGOD, SANDBOX, HELD = "run", "mongod", "sandbox", "held"
PROGRAMS = {"dagster": dagster, "labelloop": labelloop}


@dataclass(frozen=True)
class Kill:
    """`kill -9` at a point of a command.

    Attributes:
        what: What the process is about to do there, or has just done, for people.
        victim: The run itself, `mongod`, `sandbox`; `held` lets the run live and wait there for a file.
        at: The function, `module:name` or `module:Class.name`, looked up where it is called.
        call: At which of its calls.
        about: What one of its arguments has to have in it for a call to count.
        after: Once the call has returned, not before.
    """

    what: str
    victim: str
    at: str
    call: int = 1
    about: str = ""
    after: bool = False


def start(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], said: Path, kills: Sequence[Kill] = ()
) -> "multiprocessing.process.BaseProcess":
    """Start a program with arguments; what it says goes to a file, what it made of FiftyOne to that named in DUMP."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    process = context.Process(target=_run, args=(list(arguments), folder, dict(environment), said, tuple(kills)))
    process.start()
    return process


def gate(folder: Path) -> Path:
    """The file that a held command makes, and waits to be removed."""
    return folder / "held-here"


def end_server(folder: Path, name: str) -> None:
    """`kill -9` of a server of the home, and wait until it is gone."""
    record = read_record(folder / ".labelloop" / RECORDS[name])
    assert record is not None
    server = psutil.Process(int(record["server"][0]))
    server.kill()
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


def _run(arguments: list[str], folder: Path, environment: dict[str, str], said: Path, kills: Sequence[Kill]) -> None:
    _begin(folder, environment, said)
    for kill in kills:
        _arm(kill, folder)
    sys.argv = arguments
    try:
        PROGRAMS[arguments[0]]()
    except SystemExit as end:
        if not end.code:
            Path(environment["DUMP"]).write_text(json.dumps(dump(folder)))
        raise


def _begin(folder: Path, environment: dict[str, str], said: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    with said.open("ab") as out:
        for stream in (1, 2):
            os.dup2(out.fileno(), stream)


def _arm(kill: Kill, folder: Path) -> None:
    module, _, path = kill.at.partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    setattr(owner, name, _fatal(getattr(owner, name), kill, folder))


def _fatal(function: Callable, kill: Kill, folder: Path) -> Callable:
    calls = 0

    @functools.wraps(function)
    def fatal(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += kill.about in repr((args, kwargs))
        now = calls == kill.call
        calls += now  # once
        if now and not kill.after:
            _strike(kill, folder)
        result = function(*args, **kwargs)
        if now and kill.after:
            _strike(kill, folder)
        return result

    return fatal


def _strike(kill: Kill, folder: Path) -> None:
    sys.stdout.write(f"STRUCK {kill.victim}: {kill.what}\n")
    sys.stdout.flush()
    if kill.victim == RUN:
        os.kill(os.getpid(), signal.SIGKILL)
    elif kill.victim == HELD:
        gate(folder).touch()
        while gate(folder).exists():
            time.sleep(0.02)
    else:
        end_server(folder, kill.victim)
