"""To CVAT and back, side by side: `python -m labelloop_tests.benchmarks.cvat [rounds]`.

The sandbox serves 364 images of BCCD (LABELLOOP_TEST_DATA) with 4,886 boxes. Every way goes in turn in each round, the
order changing from round to round; what is made once (connections, FiftyOne's data set) is not timed, but logins that a
way does on each call are, and our asset makes its data set itself. Only ratios are worth quoting: of seconds, and of
seconds of this process's processor, which say what a way costs where others compute beside it. Requests and bytes are
counted in a round of their own, through a relay that is not there when the clock runs. All ways have to end with the
same number of boxes, counted when the clock has stopped.

They do not do the same. FiftyOne's importer downloads each image by itself, writes it as it comes, takes the size from
what CVAT says, and makes FiftyOne documents: nothing is checked, and asked again it adds every box twice unless the
data set is cleared. The asset decodes each image to the end, takes its size, rotation, SHA-256 and perceptual hash,
holds each box against the schema, the image and its neighbours, accounts for all that was received, writes media,
tasks, samples and a label version with fsync and rename, makes FiftyOne show labels, provenance and what was set aside,
and is a run of Dagster with events and metadata. Where its time goes is printed below the ratios. The adapter brings
images and labels, and no more.
"""

import contextlib
import io
import logging
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from labelloop.adapters.cvat.access import CvatAccess
from labelloop.adapters.cvat.client import connect
from labelloop.sandbox.server.running import SandboxServer
from labelloop_tests.benchmarks import cvat_ways as ways
from labelloop_tests.benchmarks.parts import parts_timed
from labelloop_tests.benchmarks.relay import Relay, relay
from labelloop_tests.sandbox.server.controls import Controls

ROUNDS = 5
PULLS = (ways.Asset, ways.Adapter, ways.Importer, ways.Frames)
PUSHES = (ways.OurPush, ways.TheirPush)
REMEMBERING = (ways.Asset, ways.Importer)  # these know what they have when they are asked again

FIRST, SECOND, PUSH = "pull with images", "second pull of unchanged data", "push with boxes"
PAIRS = [
    (FIRST, ways.Importer, ways.Asset, 5.0),
    (FIRST, ways.Importer, ways.Adapter, 5.0),
    (FIRST, ways.Frames, ways.Adapter, 5.0),
    (FIRST, ways.Frames, ways.Asset, 1.0),
    (SECOND, ways.Importer, ways.Asset, 5.0),
    (PUSH, ways.TheirPush, ways.OurPush, 1.0),
]  # task, theirs, ours, the ratio to reach

Seconds = dict[tuple[str, str], list[float]]


def main() -> None:
    """Print seconds, requests, bytes and ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    pictures = ways.read_pictures(Path(os.environ["LABELLOOP_TEST_DATA"]) / "bccd")
    boxes = sum(len(picture.boxes) for picture in pictures)
    print(f"{len(pictures)} images, {boxes} boxes, {rounds} rounds; load {_load()}", flush=True)
    _be_quiet()
    with (
        tempfile.TemporaryDirectory(prefix="labelloop-benchmark-") as folder,
        SandboxServer(Path(folder) / "server", anonymous_limit=0, fault_key="benchmark") as server,
    ):
        stage = Stage(server, Path(folder), pictures, boxes)
        ways.let_people_finish(connect(CvatAccess(server.url, server.credentials.token)), pictures)
        seconds, processor = stage.timed(rounds)
        counted = stage.counted()
        parts = stage.parts(rounds)
    _print_table(seconds, processor, counted)
    print("by the clock")
    _print_ratios(seconds)
    print("by this process's processor")
    _print_ratios(processor)
    _print_parts(parts)
    print(f"load {_load()}")


class Stage:
    """A server with the work of people on it, and the rounds that are played there."""

    def __init__(self, server: SandboxServer, folder: Path, pictures: list[ways.Picture], boxes: int) -> None:
        self.server, self.folder, self.pictures, self.boxes = server, folder, pictures, boxes

    def timed(self, rounds: int) -> tuple[Seconds, Seconds]:
        """Seconds of each task and way, and those of the processor; the first round only warms up."""
        seconds: Seconds = defaultdict(list)
        processor: Seconds = defaultdict(list)
        for number in range(rounds + 1):
            for task, way, work in self._played(self.server.url, number):
                start, busy = time.perf_counter(), time.process_time()
                work()
                seconds[task, way].append(time.perf_counter() - start)
                processor[task, way].append(time.process_time() - busy)
        return _without_the_first(seconds), _without_the_first(processor)

    def parts(self, rounds: int) -> dict[str, float]:
        """Median seconds of the processor in each part of the asset."""
        found: list[dict[str, float]] = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir=self.folder) as place:
                asset = ways.Asset(ways.Place(self.server.url, self.server.credentials, Path(place), self.pictures))
                with parts_timed() as spent:
                    _quietly(asset.pull)
                found.append(spent)
                asset.close()
        return {part: statistics.median(each[part] for each in found) for part in found[0]}

    def counted(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        """Requests, bytes sent and bytes received of each task and way."""
        controls, counts = Controls(self.server), {}
        with relay(int(self.server.url.rsplit(":", 1)[1])) as between:
            for task, way, work in self._played(between.url, 0):
                before = _state(controls, between)
                work()
                after = _state(controls, between)
                # Asking for the log is no request of the way's.
                counts[task, way] = tuple(b - a for a, b in zip(before, after, strict=True))
        return counts

    def _played(self, url: str, turn: int) -> Iterator[tuple[str, str, Callable[[], None]]]:
        for kind in _turned([*PULLS, *PUSHES], turn):
            with tempfile.TemporaryDirectory(dir=self.folder) as place:
                player: Any = kind(ways.Place(url, self.server.credentials, Path(place), self.pictures))
                act = player.push if kind in PUSHES else player.pull
                for task in [PUSH] if kind in PUSHES else [FIRST, SECOND] if kind in REMEMBERING else [FIRST]:
                    yield task, kind.name, lambda: _quietly(act)
                    self._check(kind.name, player.boxes())
                player.close()

    def _check(self, way: str, found: int) -> None:
        if found != self.boxes:
            raise SystemExit(f"{way}: {found} boxes instead of {self.boxes}")


def _quietly(act: Callable[[], None]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        act()


def _turned(kinds: list[Any], turn: int) -> list[Any]:
    start = turn % len(kinds)
    return kinds[start:] + kinds[:start]


def _state(controls: Controls, between: Relay) -> tuple[int, int, int]:
    own = sum(not entry["path"].startswith("/sandbox") for entry in controls.requests())
    return own, between.up, between.down


def _be_quiet() -> None:
    ways.fo.config.show_progress_bars = False
    logging.getLogger("fiftyone").setLevel(logging.ERROR)
    logging.disable(logging.WARNING)


def _load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def _without_the_first(seconds: Seconds) -> Seconds:
    return {key: values[1:] for key, values in seconds.items()}


def _print_table(seconds: Seconds, processor: Seconds, counted: dict[tuple[str, str], tuple[int, int, int]]) -> None:
    heads = f"{'median s':>9}{'min':>7}{'max':>7}{'busy s':>8}{'requests':>9}{'MB up':>7}{'MB down':>8}"
    print(f"{'':<30}{'':<42}{heads}")
    for (task, way), values in sorted(seconds.items()):
        requests, up, down = counted[task, way]
        print(
            f"{task:<30}{way:<42}{statistics.median(values):>9.2f}{min(values):>7.2f}{max(values):>7.2f}"
            f"{statistics.median(processor[task, way]):>8.2f}{requests:>9}{up / 1e6:>7.2f}{down / 1e6:>8.2f}"
        )


def _print_ratios(seconds: Seconds) -> None:
    for task, theirs, ours, wanted in PAIRS:
        pairs = zip(seconds[task, theirs.name], seconds[task, ours.name], strict=True)
        ratios = [a / b for a, b in pairs]
        print(
            f"{task}: {ours.name} is {statistics.median(ratios):.1f} times as fast as {theirs.name} "
            f"({min(ratios):.1f} to {max(ratios):.1f}); wanted {wanted:g}"
        )


def _print_parts(parts: dict[str, float]) -> None:
    print(f"{ways.Asset.name}, seconds of the processor")
    for part, spent in parts.items():
        print(f"  {part:<40}{spent:>7.2f}{spent / sum(parts.values()):>7.0%}")


if __name__ == "__main__":
    main()
