"""`labelloop benchmark`: does choosing help? The loop replayed on labelled images, every strategy against random."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from labelloop.adapters.files import locks
from labelloop.adapters.files.home import Home
from labelloop.cli.init import SCENE_COUNT, SCENES
from labelloop.core.errors import ConfigError, LabelloopError
from labelloop.core.replay import plan_of
from labelloop.resources.project import Project
from labelloop.resources.replay_crew import replay
from labelloop.resources.replay_result import (
    LOCKS,
    TABLE,
    keep_for_check,
    keep_request,
    require_enough_images,
    require_same_request,
    write_result,
)
from labelloop.resources.replay_turn import Study, points, prepare_pool
from labelloop.sandbox.scenes.dataset import write_scenes
from labelloop.settings.yaml_file import load_settings

STYLES = {"helps": "green", "does not help": "red", "undecided": "yellow"}


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; see `plan_of`."""

    strategies: str
    seeds: int
    labels: str
    folder: Path | None = None
    workers: int = 0
    only_tables: bool = False


def run(config: Path, asked: Asked, out: Console) -> None:
    """Replay what is missing, then write table, curves and JSON.

    Raises:
        ConfigError: If the command or labelloop.yaml asks for something that cannot be, or another one is at work.
        LabelError: If the pool is smaller than the last number of labels.
    """
    plan = plan_of(asked.strategies, asked.seeds, asked.labels)
    config = config.resolve()
    if not config.is_file():
        raise ConfigError(f"{config} does not exist", "Name a labelloop.yaml, which `labelloop init` writes.")
    settings = load_settings(config)
    home = Home.of(config, settings.media_root)
    folder = (asked.folder or home.root / "benchmark" / "work").resolve()
    if settings.source.path == SCENES.as_posix() and not settings.sources:
        write_scenes(config.parent / SCENES, count=SCENE_COUNT, seed=settings.seed)
    study = Study(config, settings, folder, plan)
    require_same_request(study)
    with locks.exclusive_if_free(folder / LOCKS / "benchmark") as free:
        if not free:
            raise LabelloopError(f"A process is at the benchmark in {folder}", "Wait for it, or name another --out.")
        keep_request(study)  # asked again: until the lock was ours, another command may have begun something else here
        if not asked.only_tables:
            _replay(study, asked.workers or os.cpu_count() or 1, out)
        result = write_result(study)
    if home.root.is_dir() and result["comparisons"]:
        keep_for_check(Project(config), result)
    _show(result, out)
    out.print(f"written to {folder / TABLE}", highlight=False)


def _replay(study: Study, workers: int, out: Console) -> None:
    out.print("registering, splitting, embedding …", highlight=False)
    prepare_pool(study, lambda line: out.print(line, highlight=False, markup=False))
    require_enough_images(study)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as bar:
        news = _News(study, bar, out)
        news.look()
        replay(study, workers, news.look)


@dataclass
class _News:
    """What has become of the trainings, told as it happens; read from the files, which decide."""

    study: Study
    bar: Progress
    out: Console
    told: set[tuple[Any, ...]] = field(default_factory=set)
    _task: Any = None

    def look(self) -> None:
        """Move the bar, and say what is new."""
        first = self._task is None
        if first:
            self._task = self.bar.add_task("models", total=self.study.plan.trainings)
        found = points(self.study)
        start = self.study.plan.labels[0]
        for row in found.itertuples():
            key = (row.seed, "first batch" if row.labels == start else row.arm, row.labels)
            if key not in self.told:
                self.told.add(key)
                if not first:
                    line = f"seed {row.seed}  {key[1]:<24} {row.labels:>5} labels  mAP50 {row.map50:.3f}"
                    self.out.print(line, highlight=False)
        self.bar.update(self._task, completed=len(self.told))


def _show(result: dict[str, Any], out: Console) -> None:
    table = Table("strategy", "verdict", "gain in mAP50", "95 % interval", "noise floor", "seeds")
    for each in result["comparisons"]:
        table.add_row(
            each["arm"], f"[{STYLES[each['verdict']]}]{each['verdict']}[/]", f"{each['gain']:+.4f}",
            f"{each['low']:+.4f} to {each['high']:+.4f}", f"{each['floor']:.4f}", str(each["seeds"]),
        )  # fmt: skip
    out.print(table if result["comparisons"] else "fewer than two seeds are complete: nothing to compare yet")
