"""`kill -9` of a process, or of a server, at an exact point: the n-th call of a function.

Light, because every Python that a daemon starts imports it.
"""

import functools
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from labelloop.adapters.processes import read_record

RECORDS = {"mongod": "mongo/mongod.json", "sandbox": "sandbox/sandbox.json"}
RUN, MONGOD, SANDBOX, HELD = "run", "mongod", "sandbox", "held"


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


def stop_at(folder: Path, kills: Sequence[Kill], environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which every Python, also one that a daemon starts, is struck at these points."""
    site = folder / "struck"
    site.mkdir(exist_ok=True)
    lines = ["from pathlib import Path", "from labelloop_tests.crashes.strike import Kill, arm", ""]
    lines += [f"arm({kill!r}, Path({str(folder)!r}))" for kill in kills]
    (site / "sitecustomize.py").write_text("\n".join(lines))
    paths = [str(site), str(Path(__file__).parents[2]), environment.get("PYTHONPATH", "")]
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


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


def arm(kill: Kill, folder: Path) -> None:
    """Strike when the point is reached in this process."""
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
