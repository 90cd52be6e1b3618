"""Going back: the files of iterations are archived, their tasks renamed; nothing is deleted that people made."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import dagster as dg

from labelloop.adapters.cvat.client import CvatServer
from labelloop.adapters.cvat.pull import progress
from labelloop.adapters.cvat.push import retire_task
from labelloop.adapters.files import locks
from labelloop.core.errors import LabelloopError
from labelloop.core.vocabulary import ITERATION_PATTERN, STEPS, JobName, iteration_number
from labelloop.partitions import ITERATIONS
from labelloop.resources import app
from labelloop.resources.project import Project
from labelloop.resources.runs import stage_lock

ARCHIVE = "archive"
# The batch goes last: as long as it is there, a reset that was broken off is seen and goes on.
KINDS = (
    "final", "reports", "predictions", "pool_predictions", "models", "verdicts", "labels", "drawings", "prefill",
    "prefilled", "tasks", "cuts", "batches",
)  # fmt: skip

Say = Callable[[str], None]


def iterations_from(now: Project, first: str) -> list[str]:
    """Iterations from `first` on of which some file is there, in order."""
    found = {path.stem for kind in KINDS for path in (now.ledger.root / kind).glob("v*.*")}
    names = [name for name in found if ITERATION_PATTERN.fullmatch(name)]
    return sorted((n for n in names if iteration_number(n) >= iteration_number(first)), key=iteration_number)


def archive(now: Project, first: str) -> Path:
    """Move the files of these iterations and what was chosen after them into `archive/<time>/`; returns the folder.

    What was selected for `first` itself stays: it is where the loop goes on.
    """
    folder = now.ledger.root / ARCHIVE / datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    for path in _files(now, first):
        target = folder / path.relative_to(now.ledger.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    return folder


def tasks_in_cvat(now: Project, iterations: list[str]) -> list[dict]:
    """Records of the tasks of these iterations that went to CVAT."""
    sent = now.ledger.sent()
    in_app = set(app.batches(now))
    return [task for name in iterations if name in sent and name not in in_app for task in sent[name]["tasks"]]


def keep_drawings(now: Project, iterations: list[str]) -> None:
    """Write what people drew in the App on these iterations into files, to be archived with them."""
    in_app = [name for name in app.batches(now) if name in iterations]
    if in_app and app.is_there(now):
        app.keep(now, in_app)


def retire_tasks(now: Project, server: CvatServer, iterations: list[str], say: Say) -> int:
    """Rename the CVAT tasks of these iterations so that no push finds them again; returns how many there were."""
    sent = tasks_in_cvat(now, iterations)
    there = {task.task_id for task in progress(server, [task["task_id"] for task in sent]) if task.found}
    today = datetime.now().astimezone().strftime("%Y-%m-%d")
    for task in sent:
        if task["task_id"] in there:
            retire_task(server, task["task_id"], f"[reset {today}] {task['name']}")
            say(f"task {task['task_id']} '{task['name']}' was renamed")
    return len(there)


def forget_partitions(instance: dg.DagsterInstance, first: str) -> None:
    """Take these iterations from Dagster's list; the events of their runs stay."""
    name = str(ITERATIONS.name)
    for key in instance.get_dynamic_partitions(name):
        if ITERATION_PATTERN.fullmatch(key) and iteration_number(key) >= iteration_number(first):
            instance.delete_dynamic_partition(name, key)


@contextmanager
def nobody_at_work(now: Project, iterations: list[str]) -> Iterator[None]:
    """Hold what a run of these iterations would hold, so that none begins meanwhile.

    Raises:
        LabelloopError: If one is at work.
    """
    steps = [*STEPS[JobName.NEXT_BATCH], *STEPS[JobName.LABEL_LOOP]]
    held_by_runs = [stage_lock(step, name) for name in iterations for step in steps]
    with ExitStack() as held:
        for lock in [*held_by_runs, *map(stage_lock, STEPS[JobName.FINAL_EVALUATION])]:
            if not held.enter_context(locks.exclusive_if_free(now.home.lock(lock))):
                raise LabelloopError(f"A process is at {lock.removeprefix('stages/')}", "Wait for it, then reset.")
        yield


def _files(now: Project, first: str) -> list[Path]:
    root, names = now.ledger.root, iterations_from(now, first)
    later = [p for p in (root / "selections").glob("v*.json") if iteration_number(p.stem) > iteration_number(first)]
    parts = [root / kind / name for name in names for kind in ("labels", "final_predictions", "rewriting", "restored")]
    folders = [folder for folder in parts if folder.is_dir()]
    records = [path for kind in KINDS for name in names for path in (root / kind).glob(f"{name}.*")]
    return [*later, *_models(now, names), *folders, *records]


def _models(now: Project, names: list[str]) -> list[Path]:
    """Folders of the models that only these iterations have."""
    records = {path.stem: json.loads(path.read_text("utf-8")) for path in (now.ledger.root / "models").glob("v*.json")}
    kept = {record["model"] for name, record in records.items() if name not in names}
    gone = {record["model"] for name, record in records.items() if name in names} - kept
    return [folder for digest in sorted(gone) if (folder := now.ledger.model_folder(digest)).is_dir()]
