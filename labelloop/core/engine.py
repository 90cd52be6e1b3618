"""Work on many pieces at once: in threads of this process here, on other machines by an adapter."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Engine(Protocol):
    """Something that works on pieces.

    Attributes:
        workers: On how many at once.
        far: Whether in other processes, so that a piece should be worth sending.
    """

    @property
    def workers(self) -> int: ...  # noqa: D102

    @property
    def far(self) -> bool: ...  # noqa: D102

    def over(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """What `work` makes of each piece, in the order of pieces; ended early, it ends the work as well."""


@dataclass(frozen=True)
class Threads:
    """Threads of this process; a single one is that of the caller."""

    workers: int
    far: bool = False

    @classmethod
    def all(cls) -> "Threads":
        """One for each processor."""
        return cls(os.cpu_count() or 1)

    def over(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """What `work` makes of each piece, in the order of pieces."""
        if self.workers == 1:
            yield from map(work, pieces)
            return
        pool = ThreadPoolExecutor(self.workers)
        running: deque[Future[Result]] = deque()
        try:
            for piece in pieces:
                running.append(pool.submit(work, piece))
                if len(running) > self.workers:  # one more than there are workers, so that none of them waits
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
