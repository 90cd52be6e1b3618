"""A headless Chromium, spoken to through its DevTools pipe, so that a test needs nothing but the browser itself."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-quic", "--enable-unsafe-swiftshader",
    "--window-size=1600,1000", "--remote-debugging-pipe",
)  # fmt: skip
TO, FROM = 3, 4  # descriptors that Chromium reads commands from and writes answers to


def installed() -> str | None:
    """Path of a Chromium, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a browser that is running."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = os.fdopen(answers, "rb", buffering=0)
        self._rest = b""
        self._number = 0
        self.problems: list[str] = []  # exceptions of the page's own scripts
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Go to an address, with no exception of the page before remembered."""
        self.problems.clear()
        reply = self._call("Page.navigate", url=url)
        assert not reply.get("errorText"), f"{url}: {reply.get('errorText')}"

    def shows(self, *words: str, seconds: float = 180.0) -> str:
        """Wait until the page shows all these words; returns everything that it shows."""
        deadline = time.monotonic() + seconds
        while True:
            text = self.text
            missing = [word for word in words if word.lower() not in text.lower()]
            if not missing:
                return text
            assert time.monotonic() < deadline, f"{missing} not shown on {self.run('location.href')}:\n{text[:3000]}"
            time.sleep(0.3)

    def until(self, true: str, seconds: float = 60.0) -> None:
        """Wait until an expression is true in the page."""
        deadline = time.monotonic() + seconds
        while not self.run(true):
            assert time.monotonic() < deadline, f"never so: {true}\n{self.text[:3000]}"
            time.sleep(0.3)

    def click(self, word: str) -> None:
        """Click on the first thing that shows exactly this, or is called so."""
        self.run(f"""(() => {{
            const named = [...document.querySelectorAll('*')].filter(e => [e.innerText?.trim(), e.ariaLabel, e.title]
                .includes({json.dumps(word)}));
            const found = named.find(e => !named.some(other => other !== e && e.contains(other)));
            if (!found) throw new Error('nothing to click is called ' + {json.dumps(word)});
            for (const kind of ['mousedown', 'mouseup', 'click'])
                found.dispatchEvent(new MouseEvent(kind, {{bubbles: true}}));
        }})()""")

    @property
    def text(self) -> str:
        """All words that the page shows."""
        return str(self.run("document.body ? document.body.innerText : ''"))

    def run(self, script: str) -> Any:
        """Value of an expression in the page; one that fails is a failure here."""
        reply = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._read()
            if reply.get("method") == "Runtime.exceptionThrown":
                details = reply["params"]["exceptionDetails"]
                self.problems.append(details.get("exception", {}).get("description", details["text"]))
            if reply.get("id") == self._number:
                assert "error" not in reply, reply["error"]
                return dict(reply["result"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = self._answers.read(1 << 16)
            assert more, "the browser has ended"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(line))


@contextmanager
def browsing(path: str) -> Iterator[Browser]:
    """A browser with a profile of its own, ended with the block."""
    theirs, commands = os.pipe()
    answers, ours = os.pipe()
    # Above the numbers they are moved to, or one would be overwritten before it is moved.
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10) for descriptor in (theirs, ours)]
    become = (
        f"import os, sys; os.dup2({high[0]}, {TO}); os.dup2({high[1]}, {FROM}); os.execv(sys.argv[1], sys.argv[1:])"
    )
    wrapped = [sys.executable, "-c", become, path, *QUIET]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [*wrapped, f"--user-data-dir={profile}", "about:blank"], pass_fds=high,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        for descriptor in (theirs, ours, *high):
            os.close(descriptor)
        try:
            yield Browser(commands, answers)
        finally:
            os.killpg(process.pid, 9)
            process.wait(30)
