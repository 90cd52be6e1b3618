"""Where heavy computations run, as `compute:` of labelloop.yaml says."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import dagster as dg
import psutil

from labelloop.adapters import ray_cluster
from labelloop.adapters.files.partial_scores import PartialScores
from labelloop.adapters.files.scratch import scratch
from labelloop.core.engine import Engine
from labelloop.core.zcore_run import Execution, Kept
from labelloop.resources.project import Project

KEEP_SECONDS = 10.0  # work that a kill may cost at most, besides the piece it was at
FREE = 0.8  # of the memory that is free, what is taken unless the settings say otherwise


class ComputeResource(dg.ConfigurableResource):
    """Runs heavy computations here or on a cluster, and keeps what they have done so far."""

    keep_seconds: float = KEEP_SECONDS

    @contextmanager
    def engine(self, now: Project) -> Iterator[Engine | None]:
        """What works on pieces; None: threads of this process.

        Raises:
            ConfigError, LabelloopError: If the cluster is not to be had.
        """
        wanted = now.settings.compute
        with ray_cluster.cluster(wanted.address) if wanted.engine == "ray" else nullcontext() as engine:
            yield engine

    @contextmanager
    def scoring(self, now: Project, key: str, log: Callable[[str], None]) -> Iterator[Execution]:
        """How the computation of this key is done; when the block ends well, nothing of it is kept any more."""
        partial = PartialScores(now.home.root / "zcore.partial")
        kept = partial.load(key)
        last = time.monotonic()

        def keep(done: Kept) -> None:
            nonlocal last
            if time.monotonic() - last >= self.keep_seconds:
                partial.save(key, done)
                last = time.monotonic()

        with self.engine(now) as engine, scratch(now.home.root / "scratch") as make:
            yield Execution(engine, kept=kept, keep=keep, memory=_memory(now), make=make, log=log)
        partial.clear()


def _memory(now: Project) -> int:
    given = now.settings.compute.memory_gib
    return int(psutil.virtual_memory().available * FREE) if given is None else int(given * 2**30)
