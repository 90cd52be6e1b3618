"""A function called in a Python process of its own: what it imports, prints or breaks stays there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

from labelloop.core.errors import LabelloopError

LONGEST_SECONDS = 300.0
MOST_WORDS = 300


class ChildError(LabelloopError):
    """The function raised, or its process ended; the first line is the error's own."""


def ask(function: Callable[..., Any], *arguments: Any, environment: Mapping[str, str] | None = None) -> Any:
    """What a function of a module answers elsewhere; arguments and answer are JSON-like.

    Raises:
        ChildError: If it raises, does not end, or its process crashes.
    """
    # -P: a folder of the user must not stand in for a package.
    command = [sys.executable, "-P", "-m", __name__, function.__module__, function.__name__, json.dumps(arguments)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS, stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ChildError(f"no answer within {LONGEST_SECONDS:.0f} seconds") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
        raise ChildError(f"its process ended with {done.returncode}: {last[:MOST_WORDS]}")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise ChildError(answer["error"][:MOST_WORDS])
    return answer["value"]


def _answer(module: str, name: str, arguments: str) -> dict[str, Any]:
    try:
        with redirect_stdout(sys.stderr):
            return {"value": getattr(import_module(module), name)(*json.loads(arguments))}
    except Exception as error:  # noqa: BLE001  whatever it is, it is the answer
        return {"error": " ".join(f"{type(error).__name__}: {error}".split())}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(*sys.argv[1:4])))
