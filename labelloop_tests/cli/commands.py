"""`labelloop` as people run it: a process of its own, in a folder of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

COMMAND = [sys.executable, "-c", "from labelloop.cli.main import main; main()"]
OTHERS = ("LABELLOOP_HOME", "LABELLOOP_CONFIG", "FIFTYONE_DATABASE_URI", "FIFTYONE_DATABASE_NAME", "DAGSTER_HOME")


class Command:
    """A command that runs, and all that it has said so far."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.said = folder.parent / f"{folder.name}-{time.monotonic_ns()}.txt"
        environment = {name: value for name, value in os.environ.items() if name not in OTHERS}
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                [*COMMAND, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=_hear,  # noqa: PLW1509  # tests have no threads
            )  # fmt: skip

    @property
    def text(self) -> str:
        return self.said.read_text()

    def until(self, true: Callable[[], object], seconds: float = 300.0) -> None:
        """Wait until something is true while the command runs."""
        deadline = time.monotonic() + seconds
        while not true():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)

    def ends(self, number: int = 0, seconds: float = 600.0) -> int:
        """Send a signal, if there is one, and wait for the exit status."""
        if number:
            self.process.send_signal(number)
        return self.process.wait(seconds)


def _hear() -> None:
    """Tests that a shell runs in the background are told to ignore Ctrl-C, and so would be all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def processes_of(folder: Path) -> list[str]:
    """Command lines of the processes that work in a folder, this one and its like excepted."""
    return [line for process in psutil.process_iter() if (line := _line(process, str(folder)))]


def _line(process: psutil.Process, folder: str) -> str:
    try:
        line = " ".join(process.cmdline())
        homes = process.environ().get("DAGSTER_HOME", ""), process.cwd(), line
        alive = process.status() != psutil.STATUS_ZOMBIE
        return line if alive and process.pid != os.getpid() and any(folder in home for home in homes) else ""
    except psutil.Error:
        return ""
