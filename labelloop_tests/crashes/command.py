"""`dagster …` or `labelloop …` in a process of its own, that may die, or kill a server, at an exact point.

The processes are forked off one that has imported everything and done nothing, so that each begins within a moment.
"""

import json
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dagster._cli import main as dagster

from labelloop.cli.main import main as labelloop
from labelloop_tests.crashes.dump import dump
from labelloop_tests.crashes.strike import Kill, arm

# Most of what FiftyOne imports; itself it cannot be, because it takes the address of its database as it is imported.
OF_FIFTYONE = ["eta.core.video", "mongoengine", "motor.motor_asyncio", "plotly.graph_objects", "pydash", "py7zr",
               "scipy.interpolate", "skimage", "sklearn.cluster", "sklearn.manifold", "strawberry.schema"]  # fmt: skip
IMPORTED = [
    "labelloop.definitions", "labelloop_tests.crashes.command", "ultralytics", "cvat_sdk.core.client", *OF_FIFTYONE,
]  # fmt: skip
PROGRAMS = {"dagster": dagster, "labelloop": labelloop}


def start(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], said: Path, kills: Sequence[Kill] = ()
) -> "multiprocessing.process.BaseProcess":
    """Start a program with arguments; what it says goes to a file, what it made of FiftyOne to that of DUMP, if any."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    process = context.Process(target=_run, args=(list(arguments), folder, dict(environment), said, tuple(kills)))
    process.start()
    return process


def _run(arguments: list[str], folder: Path, environment: dict[str, str], said: Path, kills: Sequence[Kill]) -> None:
    _begin(folder, environment, said)
    for kill in kills:
        arm(kill, folder)
    sys.argv = arguments
    try:
        PROGRAMS[arguments[0]]()
    except SystemExit as end:
        if not end.code and "DUMP" in environment:
            Path(environment["DUMP"]).write_text(json.dumps(dump(folder)))
        raise


def _begin(folder: Path, environment: dict[str, str], said: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    with said.open("ab") as out:
        for stream in (1, 2):
            os.dup2(out.fileno(), stream)
