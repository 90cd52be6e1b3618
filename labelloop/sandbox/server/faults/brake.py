"""Stops the background work at a point, as workers do that are down, slow or about to fail."""

import threading
from typing import Literal, get_args

Point = Literal["queued", "started", "failing"]
POINTS: tuple[str, ...] = get_args(Point)


class Brake:
    """A point that the worker does not pass until it is released."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._held: str | None = None

    def hold(self, point: str | None) -> None:
        """Let nothing pass a point; None lets everything go on."""
        with self._condition:
            self._held = point
            self._condition.notify_all()

    def holds(self, point: Point) -> bool:
        """Whether a point is held."""
        with self._condition:
            return self._held == point

    def wait(self, point: Point) -> None:
        """Pass a point, once it is not held."""
        with self._condition:
            self._condition.wait_for(lambda: self._held != point)
