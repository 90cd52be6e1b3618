"""The trainings of a replay in several processes; whoever does which, the result is the same."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from multiprocessing.synchronize import Event
from pathlib import Path

from labelloop.core.replay import Arm
from labelloop.resources.replay_turn import Study, run_arm, run_start

LOOK_EVERY = 1.0  # seconds
_TOLD: dict[str, Event] = {}  # in a worker: whether it should begin nothing more
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def replay(study: Study, workers: int, on_look: Callable[[], None]) -> None:
    """Run what is missing: the first turn of each seed, then its arms, seed by seed.

    Args:
        study: What is asked.
        workers: Processes; each computes on one core.
        on_look: Called every second, and at the end.

    Raises:
        LabelloopError: The first failure of an arm; what is running is finished, what waits is not begun.
    """
    with _one_thread_each(), _crew(workers, study.folder / "logs") as crew:
        seeds = {crew.submit(_begin, study, seed): seed for seed in range(study.plan.seeds)}
        arms: set[Future[None]] = set()
        while seeds or arms:
            done, _ = wait({*seeds, *arms}, timeout=LOOK_EVERY, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
                arms.discard(future)
                if future in seeds:
                    seed = seeds.pop(future)
                    arms |= {crew.submit(_begin, study, seed, arm) for arm in study.plan.arms}
            on_look()


def _begin(study: Study, seed: int, arm: Arm | None = None) -> None:
    """The first turn of a seed, or one of its arms, in a worker; nothing where another has failed."""
    if _TOLD["stop"].is_set():
        return
    print(f"seed {seed}: {arm.name if arm else 'first turn'}", flush=True)  # noqa: T201  to the worker's log
    if arm:
        run_arm(study, seed, arm, print)
    else:
        run_start(study, seed, print)


@contextmanager
def _crew(workers: int, logs: Path) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes: forked ones would inherit the threads of this one, half alive."""
    context = get_context("spawn")
    stop = context.Event()
    crew = ProcessPoolExecutor(workers, mp_context=context, initializer=_enter, initargs=(logs, stop))
    try:
        yield crew
    except BaseException:
        stop.set()  # what is in the queue of the workers already cannot be cancelled
        raise
    finally:
        crew.shutdown(wait=True, cancel_futures=True)


def _enter(logs: Path, stop: Event) -> None:
    """What trainings print goes to a file: the screen belongs to the one who tells how far all of them are."""
    _TOLD["stop"] = stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logs.mkdir(parents=True, exist_ok=True)
    log = (logs / f"worker-{os.getpid()}.log").open("ab", buffering=0)
    sys.stdout.flush()
    for stream in (1, 2):
        os.dup2(log.fileno(), stream)


def _end_with_parent() -> None:
    """Workers whose parent was killed would do what is queued beside the next command, and then wait for ever."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Libraries of numbers read it when they are loaded, so it must be there before a process begins."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
