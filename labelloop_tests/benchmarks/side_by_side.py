"""What benchmarks share: ways of doing the same, in turn in one process, and what is said of their times."""

import itertools
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

HEADER = (
    f"{'':>26} {'theirs s':>9} {'min':>7} {'max':>7} {'ours s':>8} {'min':>7} {'max':>7} "
    f"{'ratio':>6} {'min':>6} {'max':>6} {'wall':>6} {'bar':>5} {'MB theirs':>10} {'ours':>7}"
)


@dataclass
class Times:
    """Seconds of each round: of the processor (this process, all threads) and by the clock."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def add(
        self, work: Callable[[], object], *, processor: Callable[[], float] = time.process_time, scale: float = 1.0
    ) -> None:
        """Do it, and keep its seconds; `scale`: how often it would have to be done."""
        wall, cpu = time.perf_counter(), processor()
        work()
        self.cpu.append((processor() - cpu) * scale)
        self.wall.append((time.perf_counter() - wall) * scale)


def in_turn(
    rounds: int, *works: Callable[[], object], processor: Callable[[], float] = time.process_time
) -> list[Times]:
    """Do each in every round, after one that does not count; `processor` tells the seconds it has worked so far."""
    times = [Times() for _ in works]
    for number in range(rounds + 1):
        for work, of in zip(works, times, strict=True):
            (of if number else Times()).add(work, processor=processor)
    return times


def peak(work: Callable[[], object]) -> float:
    """Most MB that Python and numpy hold on top of what they held before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def line(what: str, theirs: Times, ours: Times, bar: float, memory: Sequence[float]) -> str:
    """One line of the table; ratios are of processor time, `wall` is that by the clock."""
    a, b = theirs.cpu, ours.cpu
    ratios = [one / two for one, two in zip(a, b, strict=True)]
    other = statistics.median(one / two for one, two in zip(theirs.wall, ours.wall, strict=True))
    return (
        f"{what:>26} {statistics.median(a):>9.3f} {min(a):>7.3f} {max(a):>7.3f} "
        f"{statistics.median(b):>8.3f} {min(b):>7.3f} {max(b):>7.3f} "
        f"{statistics.median(ratios):>6.1f} {min(ratios):>6.1f} {max(ratios):>6.1f} {other:>6.1f} {bar:>5g} "
        + " ".join(f"{each:>{width}.0f}" for each, width in zip(memory, (10, 7), strict=True))
    )


def exponent(few: int, many: int, first: Times, last: Times) -> float:
    """By which power of the size the processor time grows."""
    return float(np.log(statistics.median(last.cpu) / statistics.median(first.cpu)) / np.log(many / few))


def growth(
    known: Sequence[tuple[int, Sequence[Times]]], what: str = "images", names: Sequence[str] = ("theirs", "ours")
) -> Iterator[str]:
    """A line from each size to the next: by which power of the size the time of each side grows."""
    for (few, first), (many, last) in itertools.pairwise(known):
        powers = [exponent(few, many, *pair) for pair in zip(first, last, strict=True)]
        told = ", ".join(f"{name} N^{power:.2f}" for name, power in zip(names, powers, strict=True))
        yield f"{few} to {many} {what}: {told}"
