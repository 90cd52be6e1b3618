"""To CVAT and back, side by side: `python -m labelloop_tests.benchmarks.cvat [rounds]`.

The sandbox serves 364 images of BCCD (LABELLOOP_TEST_DATA) with 4,886 boxes. Every way goes in turn in each round, the
order changing from round to round; what is made once (connections, data sets) is not timed, but logins that a way does
on each call are. Only ratios are worth quoting. Requests and bytes are counted in a round of their own, through a
relay that is not there when the clock runs. All ways have to end with the same number of boxes.
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
        seconds = stage.timed(rounds)
        counted = stage.counted()
    _print_table(seconds, counted)
    _print_ratios(seconds)
    print(f"load {_load()}")


class Stage:
    """A server with the work of people on it, and the rounds that are played there."""

    def __init__(self, server: SandboxServer, folder: Path, pictures: list[ways.Picture], boxes: int) -> None:
        self.server, self.folder, self.pictures, self.boxes = server, folder, pictures, boxes

    def timed(self, rounds: int) -> Seconds:
        """Seconds of each task and way; the first round only warms up."""
        seconds: Seconds = defaultdict(list)
        for number in range(rounds + 1):
            for task, way, work in self._played(self.server.url, number):
                start = time.perf_counter()
                work()
                seconds[task, way].append(time.perf_counter() - start)
        return {key: values[1:] for key, values in seconds.items()}

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
                yield PUSH if kind in PUSHES else FIRST, kind.name, lambda: self._checked(kind.name, act)
                if kind in REMEMBERING:
                    yield SECOND, kind.name, lambda: self._checked(kind.name, act)
                player.close()

    def _checked(self, way: str, act: Callable[[], int]) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            found = act()
        if found != self.boxes:
            raise SystemExit(f"{way}: {found} boxes instead of {self.boxes}")


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


def _print_table(seconds: Seconds, counted: dict[tuple[str, str], tuple[int, int, int]]) -> None:
    print(f"{'':<30}{'':<42}{'median s':>9}{'min':>7}{'max':>7}{'requests':>9}{'MB up':>7}{'MB down':>8}")
    for (task, way), values in sorted(seconds.items()):
        requests, up, down = counted[task, way]
        print(
            f"{task:<30}{way:<42}{statistics.median(values):>9.2f}{min(values):>7.2f}{max(values):>7.2f}"
            f"{requests:>9}{up / 1e6:>7.2f}{down / 1e6:>8.2f}"
        )


def _print_ratios(seconds: Seconds) -> None:
    for task, theirs, ours, wanted in PAIRS:
        pairs = zip(seconds[task, theirs.name], seconds[task, ours.name], strict=True)
        ratios = [a / b for a, b in pairs]
        print(
            f"{task}: {ours.name} is {statistics.median(ratios):.1f} times as fast as {theirs.name} "
            f"({min(ratios):.1f} to {max(ratios):.1f}); wanted {wanted:g}"
        )


if __name__ == "__main__":
    main()
