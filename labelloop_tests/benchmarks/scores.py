"""Scores in FiftyOne, all at once against one by one: `python -m labelloop_tests.benchmarks.scores`.

The tutorial sets a field of a sample and saves the sample, for each. Both write to one database, in turn; ratios are of
processor time, of this process and the database together, and `wall` is the ratio by the clock. Each turn has scores of
its own: FiftyOne writes nothing where a sample has that value already.
"""

import functools
import os
import time

import numpy as np
import psutil

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.files.home import Home
from labelloop.core.vocabulary import Field
from labelloop_tests.benchmarks.side_by_side import HEADER, Times, growth, in_turn, line, peak
from labelloop_tests.fiftyone_world import database

SIZES, ROUNDS, BARS = (500, 2000), 5, {2000: 10}
ONE_BY_ONE = "one_by_one"


def main() -> None:
    """Print seconds, ratios, memory, and how the time grows with the number of samples."""
    home, uri = database()
    loop = LoopDataset.open(home, uri, "benchmark of scores")
    import fiftyone as fo  # noqa: PLC0415  # only after the database is known

    for name in (ONE_BY_ONE, Field.ZCORE):
        loop.dataset.add_sample_field(name, fo.FloatField)
    seconds = functools.partial(processor, mongod_of(home))
    print(f"load {os.getloadavg()[0]:.1f}\n{HEADER}")
    known: list[tuple[int, list[Times]]] = []
    for size in SIZES:
        ids = [f"{number:05d}" for number in range(size)]
        more = [fo.Sample(filepath=f"/{each}.jpg", sample_id=each) for each in ids[len(loop.dataset) :]]
        loop.dataset.add_samples(more, progress=False)
        both = Both(loop, ids)
        times = in_turn(ROUNDS, both.published, both.ours, processor=seconds)
        memory = [peak(both.published), peak(both.ours)]
        both.check()
        print(line(f"{size} samples", *times, BARS.get(size, 0), memory), flush=True)
        known.append((size, times))
    print(*growth(known, "samples"), sep="\n")
    loop.dataset.delete()
    print(f"load {os.getloadavg()[0]:.1f}")


class Both:
    """Two ways to give each sample a score."""

    def __init__(self, loop: LoopDataset, ids: list[str]) -> None:
        self.loop, self.ids = loop, ids
        self.rng, self.given = np.random.default_rng(0), {}

    def published(self) -> None:
        """One by one, as the tutorial does."""
        for sample, score in zip(self.loop.dataset, self._scores(ONE_BY_ONE), strict=True):
            sample[ONE_BY_ONE] = score
            sample.save()

    def ours(self) -> None:
        """All at once."""
        self.loop.set_values(Field.ZCORE, dict(zip(self.ids, self._scores(Field.ZCORE), strict=True)))

    def check(self) -> None:
        """The database holds what was given last, in both ways."""
        assert self.loop.dataset.values(Field.SAMPLE_ID) == self.ids
        for name, scores in self.given.items():
            assert self.loop.dataset.values(name) == scores

    def _scores(self, name: str) -> list[float]:
        self.given[name] = self.rng.random(len(self.ids)).tolist()
        return self.given[name]


def mongod_of(home: Home) -> psutil.Process:
    """The database's process."""
    running = psutil.process_iter(["name", "cmdline"])
    return next(
        each for each in running if each.info["name"] == "mongod" and str(home.root) in " ".join(each.info["cmdline"])
    )


def processor(server: psutil.Process) -> float:
    """Seconds that this process and the database have worked."""
    used = server.cpu_times()
    return time.process_time() + used.user + used.system


if __name__ == "__main__":
    main()
