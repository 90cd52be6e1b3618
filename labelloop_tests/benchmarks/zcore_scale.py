"""A pool of ImageNet's size over a memory-mapped file: `python -m labelloop_tests.benchmarks.zcore_scale [options]`.

The whole of `zcore_scores` in a process of its own. Told are the clock, processor time, and the greatest memory the
process took, all of it and without pages of files, which the system takes back when it wants them. Options: `--images`
1,280,000, `--dims` 1024, `--draws` 1,000,000, `--threads` 2, `--gib` that may be taken (none: all it takes), `--folder`
for the embeddings (4 bytes for each value) and, with `--gib`, twice as much.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from labelloop.adapters.files.scratch import scratch
from labelloop.core.zcore import zcore_scores
from labelloop.core.zcore_run import Execution
from labelloop_tests.benchmarks.zcore import mixture, warm_up


def main() -> None:
    """Make embeddings, score them in a process of its own, print what it took."""
    asked = options()
    if asked.embeddings:
        score(asked)
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path = Path(folder) / "embeddings.npy"
        write(path, asked.images, asked.dims)
        command = [sys.executable, "-m", "labelloop_tests.benchmarks.zcore_scale", *sys.argv[1:], "--embeddings", path]
        done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    size = asked.images * asked.dims * 4 / 2**30
    print(f"{asked.images} x {asked.dims} ({size:.2f} GiB), {asked.draws} draws, {asked.threads} threads")
    for name, value in done.items():
        told = f" = {value / size:.2f} x embeddings" if name.endswith("GiB") else ""
        print(f"{name:>28} {value:>9.2f}{told}")


def options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser()
    for name, default in (("images", 1_280_000), ("dims", 1024), ("draws", 1_000_000), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--gib", type=float, default=0.0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--embeddings", type=Path)
    return parser.parse_args()


def write(path: Path, images: int, dims: int) -> None:
    """Embeddings in a file, a part at a time."""
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(images, dims))
    for first in range(0, images, 50_000):
        count = min(50_000, images - first)
        rows[first : first + count] = np.roll(mixture(count, dims), first // 50_000 * 7, axis=1)
    rows.flush()


def score(asked: argparse.Namespace) -> None:
    """Score, and tell as JSON what it took."""
    warm_up()
    peaks, stop, marks = {"RssAnon": 0, "VmRSS": 0}, threading.Event(), {}
    before = _status()["RssAnon"]
    watch = threading.Thread(target=_watch, args=(peaks, stop))
    watch.start()
    wall, busy = time.perf_counter(), time.process_time()

    def tell(done: int, total: int) -> None:
        marks.setdefault("first draw", (time.perf_counter() - wall, time.process_time() - busy))

    with scratch(asked.folder / "zcore-scratch") as make:
        zcore_scores(
            np.load(asked.embeddings, mmap_mode="r"), n_sample=asked.draws, redund_nn=1000, threads=asked.threads,
            execution=Execution(memory=int(asked.gib * 2**30), make=make), on_progress=tell,
        )  # fmt: skip
    ends = time.perf_counter() - wall, time.process_time() - busy
    stop.set()
    watch.join()
    draws = [(end - start) / asked.draws * 1e6 for end, start in zip(ends, marks["first draw"], strict=True)]
    told = {
        "clock s": ends[0], "processor s": ends[1], "until first draw, clock s": marks["first draw"][0],
        "until first draw, processor": marks["first draw"][1], "us for a draw, clock": draws[0],
        "us for a draw, processor": draws[1], "before, GiB": before / 2**30,
        "without files, GiB": peaks["RssAnon"] / 2**30, "all at once, GiB": peaks["VmRSS"] / 2**30,
        "greatest ever, GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }  # fmt: skip
    print(json.dumps(told))


def _watch(peaks: dict[str, int], stop: threading.Event) -> None:
    while not stop.wait(0.05):
        now = _status()
        peaks.update({name: max(peak, now[name]) for name, peak in peaks.items()})


def _status() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return {name: int(value.split()[0]) * 1024 for name, value in (line.split(":") for line in lines if "kB" in line)}


if __name__ == "__main__":
    main()
