"""The project a run works on: its settings, its home, its plain files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import dagster as dg
import numpy as np

from labelloop.adapters.files import locks
from labelloop.adapters.files.home import Home
from labelloop.adapters.files.ledger import Ledger
from labelloop.resources.runs import record_process, report_dead_runs
from labelloop.settings.model import Settings
from labelloop.settings.yaml_file import find_config, load_settings


class Project:
    """Settings, home and plain files of one `labelloop.yaml`."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.settings: Settings = load_settings(config)
        self.home = Home.of(config, self.settings.media_root)
        self.home.require()
        self.ledger = Ledger(self.home)

    @cached_property
    def uuid(self) -> str:
        """Identity of the data set."""
        return self.home.dataset_uuid()

    def rng(self, *purpose: str) -> np.random.Generator:
        """Generator for one purpose: independent of every other one, and of the order they are asked for."""
        words = [int.from_bytes(word.encode(), "little") for word in purpose]
        return np.random.default_rng([self.settings.seed, *words])

    @contextmanager
    def alone(self, work: str, log: Callable[[str], None]) -> Iterator[None]:
        """Do exclusive work (`training`, `dataset`): another process that does the same waits, and says so."""
        with locks.exclusive(self.home.lock(work), on_wait=log):
            yield


class ProjectResource(dg.ConfigurableResource):
    """Finds `labelloop.yaml`; what is wrong with it is said when an asset asks, so the code location always loads."""

    config_path: str = ""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Every run needs the project, so here each tells its process, before its first step begins.

        It also ends the runs that were killed: where people start everything in a terminal, nobody else does.
        """
        if context.run is not None and context.instance is not None:
            record_process(context.instance, context.run.run_id)
            for told in report_dead_runs(context.instance):
                if context.log is not None:
                    context.log.warning(told)

    @property
    def current(self) -> Project:
        """The project, read anew: settings may change between two runs of one process.

        Raises:
            ConfigError: If there is no `labelloop.yaml`, it is wrong, or the home was never initialised.
        """
        return Project(Path(self.config_path) if self.config_path else find_config(Path.cwd()))
