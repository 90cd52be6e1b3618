"""Where the time of `cvat_pull` goes: seconds of this process's processor, one part after the other."""

import functools
import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

# They follow each other, so what the processor did meanwhile is theirs, whichever thread it was in.
PARTS = {
    "tasks: asked for and read": "labelloop.assets.pull:read_tasks",
    "images: downloaded and written": "labelloop.resources.pulled_images:download_frames",
    "images: decoded, checked, hashed": "labelloop.resources.pulled_images:inspect_all",
    "tasks: written as they came": "labelloop.assets.pull:keep_contents",
    "labels: checked, counted, written": "labelloop.adapters.files.ledger:Ledger.save_labels",
    "FiftyOne": "labelloop.assets.pull:_show",
}
REST = "Dagster and the rest"


@contextmanager
def parts_timed() -> Iterator[dict[str, float]]:
    """Seconds of each part that is gone through within the block; those of the rest when it ends."""
    spent = dict.fromkeys(PARTS, 0.0)
    before = time.process_time()
    with ExitStack() as patched:
        for part, where in PARTS.items():
            patched.enter_context(_timed(part, where, spent))
        yield spent
    spent[REST] = time.process_time() - before - sum(spent.values())


def _timed(part: str, where: str, spent: dict[str, float]) -> Any:
    module, _, path = where.partition(":")
    *within, name = path.split(".")
    owner = functools.reduce(getattr, within, importlib.import_module(module))
    work: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(work)
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return work(*args, **kwargs)
        finally:
            spent[part] += time.process_time() - start

    return patch.object(owner, name, timed)
