"""Scores in FiftyOne, all at once against one by one: `python -m labelloop_tests.benchmarks.scores`.

The tutorial sets a field of a sample and saves the sample, for each. Both write to one database, in turn; ratios are of
processor time, of this process and the database together, and `wall` is the ratio by the clock.
"""

import functools
import os
import time

import numpy as np
import psutil

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.files.home import Home
from labelloop.core.vocabulary import Field
from labelloop_tests.benchmarks.side_by_side import HEADER, in_turn, line, peak
from labelloop_tests.fiftyone_world import database

SAMPLES, ROUNDS, BAR = 2000, 5, 10


def main() -> None:
    """Print seconds and ratios."""
    home, uri = database()
    loop = LoopDataset.open(home, uri, "benchmark of scores")
    import fiftyone as fo  # noqa: PLC0415  # only after the database is known

    ids = [f"{number:05d}" for number in range(SAMPLES)]
    loop.dataset.add_samples([fo.Sample(filepath=f"/{each}.jpg", sample_id=each) for each in ids], progress=False)
    loop.dataset.add_sample_field("one_by_one", fo.FloatField)
    loop.dataset.add_sample_field(Field.ZCORE, fo.FloatField)
    scores = np.random.default_rng(0).random(SAMPLES).tolist()

    def published() -> None:
        for sample, score in zip(loop.dataset, scores, strict=True):
            sample["one_by_one"] = score
            sample.save()

    works = (published, lambda: loop.set_values(Field.ZCORE, dict(zip(ids, scores, strict=True))))
    print(f"load {os.getloadavg()[0]:.1f}\n{HEADER}")
    times = in_turn(ROUNDS, *works, processor=functools.partial(processor, mongod_of(home)))
    assert loop.dataset.values("one_by_one") == loop.dataset.values(Field.ZCORE) == scores
    print(line(f"{SAMPLES} samples", *times, BAR, [peak(work) for work in works]))
    loop.dataset.delete()
    print(f"load {os.getloadavg()[0]:.1f}")


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
