"""A handle on a server in a process of its own, for whoever starts one: the CLI and tests."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from labelloop.core.errors import ConfigError
from labelloop.sandbox.server.credentials import Credentials, load
from labelloop.sandbox.server.process import SERVER_FILE

START_SECONDS = 60
STOP_SECONDS = 20
POLL_SECONDS = 0.05


def _inherited() -> dict[str, str]:
    """The environment without a fault key, which is each server's own."""
    return {name: value for name, value in os.environ.items() if name != "LABELLOOP_SANDBOX_FAULT_KEY"}


class SandboxServer:
    """A sandbox server, started as a subprocess.

    As a context manager it starts on entry and stops on exit. `stop` and `kill` may be followed by another `start`:
    the state is in the folder.

    Args:
        data: The folder that holds its state.
        port: Where it listens; 0 takes any free port.
        anonymous_limit: Anonymous requests a minute; None for the server's own default, 0 for no limit.
        fault_key: For tests: whoever has it may make things go wrong by `/sandbox/control`.
    """

    def __init__(
        self, data: Path, *, port: int = 0, anonymous_limit: int | None = None, fault_key: str | None = None
    ) -> None:
        self.data = data
        self._port = port
        self._anonymous_limit = anonymous_limit
        self.fault_key = fault_key
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def credentials(self) -> Credentials:
        """Address, user, password and token of the running server.

        Raises:
            ConfigError: If it was never started.
        """
        found = load(self.data)
        if found is None:
            raise ConfigError(f"{self.data} holds no sandbox", "Start the server first.")
        return found

    @property
    def url(self) -> str:
        """The address of the running server."""
        return self.credentials.url

    @property
    def pid(self) -> int:
        """The process that serves.

        Raises:
            ConfigError: If none does.
        """
        if self._process is None:
            raise ConfigError("The sandbox server is not running", "Start it first.")
        return self._process.pid

    def start(self) -> None:
        """Start the process and wait until it listens.

        Raises:
            ConfigError: If it ends instead, with the last lines it wrote.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "labelloop.sandbox.server"]
        command += ["--data", str(self.data), "--port", str(self._port)]
        if self._anonymous_limit is not None:
            command += ["--anonymous-limit", str(self._anonymous_limit)]
        with self._log.open("ab") as log:
            given = {"LABELLOOP_SANDBOX_FAULT_KEY": self.fault_key} if self.fault_key else {}
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**_inherited(), **given}
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ConfigError(f"The sandbox server did not start: {self._last_lines()}", f"See {self._log}.")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Ask the process to end, and wait for it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def _log(self) -> Path:
        return self.data / "server.log"

    def _listens(self) -> bool:
        """Whether the file says so that this very process has written, not one before it."""
        file = self.data / SERVER_FILE
        if not file.exists():
            return False
        try:
            return bool(json.loads(file.read_text(encoding="utf-8"))["pid"] == self.pid)
        except FileNotFoundError:
            return False

    def _last_lines(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return os.linesep.join(lines[-5:]) or "it said nothing"
