"""Small values the tests of core are made of."""

import zlib

import numpy as np
import pandas as pd

from labelloop.core.annotation import AnnotatedFrame, TaskContent


def labels(*rows, columns=("sample_id", "label", "x1", "y1", "x2", "y2")):
    """A labels frame; numbers are floats also when it has no rows."""
    frame = pd.DataFrame(list(rows), columns=list(columns))
    return frame.astype({name: float for name in columns if name not in ("sample_id", "label", "shape_id")})


def predictions(*rows):
    return labels(*rows, columns=("sample_id", "label", "x1", "y1", "x2", "y2", "score"))


def samples(count, start=0, **columns):
    """Samples whose ids look random, as content hashes do, and whose hashes are far from each other."""
    numbers = range(start, start + count)
    ids = [f"{zlib.crc32(str(number).encode()):08x}" for number in numbers]
    hashes = [int(np.random.default_rng(number).integers(0, 2**64, dtype=np.uint64)) for number in numbers]
    values = {"sample_id": ids, "dhash": hashes, "path": [f"images/{name}.jpg" for name in ids]}
    return pd.DataFrame({**values, **columns})


def shape(number, label="cat", points=(10.0, 10.0, 50.0, 40.0), **more):
    base = {"id": number, "type": "rectangle", "label": label, "points": list(points), "source": "manual"}
    return {**base, "rotation": 0.0, "outside": False, "occluded": False, "attributes": [], **more}


def frame(number, name, *shapes, tags=(), tracks=(), deleted=False, job_id=7):
    return AnnotatedFrame(number, name, 640, 480, deleted, job_id, tuple(shapes), tuple(tags), tuple(tracks))


def task(*frames, task_id=1):
    return TaskContent(task_id, f"task {task_id}", "Train", "http://cvat/tasks/1", tuple(frames))


def unit_rows(count, dims, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, dims))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def spread(rng, rows, dims):
    return rng.standard_normal((rows, dims))


def in_few_dimensions(rng, rows, dims):
    return rng.standard_normal((rows, 5)) @ rng.standard_normal((5, dims)) + 0.01 * spread(rng, rows, dims)


def in_groups(rng, rows, dims):
    return rng.standard_normal((40, dims))[rng.integers(40, size=rows)] + 0.1 * spread(rng, rows, dims)


# Rows (rows, dims) that shadows tell much of, and others.
POOLS = {
    "spread": spread,
    "in a plane": lambda rng, rows, dims: rng.standard_normal((rows, 2)) @ rng.standard_normal((2, dims)),
    "in few dimensions": in_few_dimensions,
    "in groups": in_groups,
    "in tight groups": lambda rng, rows, dims: (
        rng.standard_normal((9, dims))[rng.integers(9, size=rows)] + 1e-3 * spread(rng, rows, dims)
    ),
    "positive": lambda rng, rows, dims: np.maximum(spread(rng, rows, dims), 0),
    "twins": lambda rng, rows, dims: np.repeat(in_few_dimensions(rng, rows // 10, dims), 10, axis=0),
    "with zeros": lambda rng, rows, dims: in_few_dimensions(rng, rows, dims) * (np.arange(rows) % 3 > 0)[:, None],
}


class Told:
    """Runs as a table says they are: the same for every job and batch."""

    def __init__(self, busy="", past=(), only=None):
        self._busy, self._past, self._only = busy, list(past), only

    def busy(self, job, batch):
        return self._busy if self._only in (None, job) else ""

    def past(self, job, batch):
        return self._past if self._only in (None, job) else []

    def count(self, job, request):
        return sum(run.request == request for run in self.past(job, ""))
