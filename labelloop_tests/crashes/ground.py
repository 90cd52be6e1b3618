"""A project that is ill-treated, and one like it that is not: commands, what they leave behind, and the table."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

import labelloop.cli
from labelloop.adapters import mongod
from labelloop.adapters.cvat.push import task_key
from labelloop.adapters.files import locks
from labelloop.resources.runs import PARTITION_TAG
from labelloop_tests.crashes.command import start
from labelloop_tests.crashes.dump import plain_files
from labelloop_tests.crashes.strike import RUN, Kill
from labelloop_tests.worlds import SCENES, World, make_world

PATIENCE = 300.0  # seconds; two busy cores are slow
TINY = {"weights": "labelloop:digits", "imgsz": 64, "epochs_first": 2, "epochs": 6, "batch": 8}
LOG = "command"
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
OURS = ("FIFTYONE_", "LABELLOOP_", "CVAT_", "DAGSTER_")


@dataclass
class Row:
    """A line of the table."""

    point: str
    victim: str
    after: str
    outcome: str = ""


@dataclass
class Ground:
    """A project in a folder of its own, with a Dagster home, a mongod and a sandbox server."""

    world: World
    rows: list[Row] = field(default_factory=list)
    checked: int = 0  # rows whose outcome is known

    @property
    def folder(self) -> Path:
        return self.world.folder

    @property
    def home(self) -> Path:
        return self.folder / ".labelloop" / "dagster"

    @property
    def environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        ours = {"DAGSTER_HOME": str(self.home), "LABELLOOP_IDLE_SECONDS": "600", "PYTHONWARNINGS": "ignore"}
        return {**others, **ours, "DUMP": str(self.fiftyone)}

    @property
    def fiftyone(self) -> Path:
        """What the last command that ended well found in FiftyOne."""
        return self.folder / "fiftyone.json"

    def start(self, job: str, iteration: str = "", *kills: Kill, config: dict | None = None, log: str = LOG) -> Any:
        """`dagster job execute`, as people type it."""
        arguments = ["job", "execute", "-m", "labelloop.definitions", "-j", job]
        arguments += ["--tags", json.dumps({PARTITION_TAG: iteration})] if iteration else []
        if config:
            (self.folder / f"{log}.yaml").write_text(json.dumps(config))
            arguments += ["-c", str(self.folder / f"{log}.yaml")]
        return self._start(["dagster", *arguments], kills, log)

    def type(self, *words: str) -> None:
        """A command that has to end well."""
        process = self._start(words, (), LOG)
        process.join(PATIENCE)
        assert process.exitcode == 0, self.said()

    def _start(self, words: Sequence[str], kills: Sequence[Kill], log: str) -> Any:
        said = self.folder / f"{log}.log"
        said.write_bytes(b"")
        return start(list(words), self.folder, self.environment, said, kills)

    def said(self, log: str = LOG) -> str:
        """All that a command said."""
        return (self.folder / f"{log}.log").read_text(errors="replace")

    def run(self, job: str, iteration: str = "", *kills: Kill) -> int:
        """Run a command to its end; a negative number is the signal that ended it."""
        process = self.start(job, iteration, *kills)
        process.join(PATIENCE)
        assert process.exitcode is not None, self.said()
        return int(process.exitcode)

    def suffer(self, job: str, iteration: str, tries: Sequence[Sequence[Kill]]) -> None:
        """The same command again and again, struck each time as planned, and at last left alone."""
        for number, kills in enumerate([*tries, ()], start=1):
            code = self.run(job, iteration, *kills)
            said = self.said()
            self._tell_next(f"the same command went on{' to its end' if code == 0 else ', up to the next kill'}")
            for kill in kills:
                assert f"STRUCK {kill.victim}: {kill.what}" in said, said[-3000:]
            own = [kill for kill in kills if kill.victim == RUN]
            assert code == (-9 if own else 0 if not kills else code), said[-3000:]
            for kill in kills:
                through = code == 0 or (own and kill.victim != RUN)
                after = f"the run went on by itself{_lines(said, kill)}" if through else ""
                told = "" if kill.victim == RUN or through else f"the run failed: {_failure(said)}; "
                self.rows.append(Row(f"{job} {iteration}: {kill.what}".replace(" :", ":"), kill.victim, after or told))
            self.check_after_a_blow()
            if code == 0:
                assert number >= len(tries), "it ended well before all that was planned was done to it"
                return

    def _tell_next(self, what: str) -> None:
        """The rows of the try before learn what came of it."""
        for row in self.rows[self.checked :]:
            if not row.after or row.after.endswith("; "):
                row.after += what

    def check_after_a_blow(self) -> None:
        """What must hold at any moment when nothing runs."""
        assert self.held() == []
        assert self.doubled() == []

    def settle(self, expected: dict, seen: dict) -> None:
        """After a command that ended well: everything is as in the project that was left alone."""
        assert self.runs() <= ENDED, self.runs()
        files, shown = plain_files(self.folder), json.loads(self.fiftyone.read_text())
        assert files["left over"] == []
        assert len(shown["samples"]) == SCENES
        for name, value in expected.items():
            assert files[name] == value, name
        assert files.keys() == expected.keys()
        assert shown == seen
        self.close_rows(f"{len(shown['samples'])} images, {len(self.tasks())} tasks, files and FiftyOne as undisturbed")

    def close_rows(self, outcome: str) -> None:
        """Note what came of all that was done since the last time."""
        for row in self.rows[self.checked :]:
            row.outcome = outcome
        self.checked = len(self.rows)

    def held(self) -> list[str]:
        """Locks of the home that somebody holds."""
        return [str(path) for path in (self.folder / ".labelloop" / "locks").rglob("*") if locks.is_held(path)]

    def tasks(self) -> list[dict]:
        """Tasks on the server."""
        return self.world.cvat.server(self.world.now).list_all("/api/tasks", "counting")

    def doubled(self) -> list[str]:
        """Keys that two tasks on the server bear."""
        if not (self.folder / ".labelloop" / "sandbox").is_dir():
            return []
        return [key for key, count in Counter(map(task_key, self.tasks())).items() if count > 1]

    def runs(self) -> set[str]:
        """States of all runs."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            return {run.status.value for run in instance.get_runs()}

    def close(self) -> None:
        mongod.shut_down(self.world.now.home)
        self.world.close()


def _lines(said: str, kill: Kill) -> str:
    return ", after a retry" if kill.victim == "sandbox" and "STEP_UP_FOR_RETRY" in said else ""


def _failure(said: str) -> str:
    """First line of why a run failed."""
    lines = [line.strip() for line in said.splitlines()]
    wanted = [line for line in lines if "Failure: " in line or "Error: " in line]
    return wanted[0].rsplit("Failure: ", maxsplit=1)[-1].split(". ")[0][:80] if wanted else "unknown"


def make_two(folder: Path) -> tuple[Ground, Ground]:
    """Two projects with the same images and the same data set UUID."""
    first = folder / "undisturbed"
    first.mkdir()
    world = make_world(
        first, train=TINY, annotation={"segment_size": 2, "max_task_images": 2}, stop={"max_iterations": 2}
    )
    assert world.now.uuid
    home = first / ".labelloop" / "dagster"
    home.mkdir()
    shutil.copyfile(Path(labelloop.cli.__file__).with_name("dagster.yaml"), home / "dagster.yaml")
    shutil.copytree(first, folder / "disturbed")
    other = World(folder / "disturbed", dg.DagsterInstance.ephemeral())
    return Ground(world), Ground(other)


def table(rows: Sequence[Row]) -> str:
    """The table of kill points and outcomes, as Markdown."""
    head = ["| kill point | killed | what happened next | outcome |", "|---|---|---|---|"]
    return "\n".join([*head, *(f"| {row.point} | {row.victim} | {row.after} | {row.outcome} |" for row in rows)])
