"""The FiftyOne data set of a project, opened when it is needed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.origin import read_info
from labelloop.resources.project import Project


class DatasetResource(dg.ConfigurableResource):
    """Opens the data set for writing, one process at a time."""

    @contextmanager
    def writing(self, project: Project, log: Callable[[str], None], *, anew: bool = False) -> Iterator[LoopDataset]:
        """The data set, with the home's lock on it held; `anew` drops it first.

        Raises:
            DatabaseError: If there is no database to be had, or it goes away.
        """
        with project.alone("dataset", log):
            uri = mongod.ensure(project.home)
            make = LoopDataset.anew if anew else LoopDataset.open
            with mongod.writing(uri):
                yield make(project.home, uri, project.settings.name)

    def noted(self, project: Project, key: str) -> Any:
        """A record of `dataset.info`, without opening the data set; None where there is none.

        Raises:
            DatabaseError: If there is no database to be had.
        """
        return read_info(project.home, mongod.ensure(project.home), project.settings.name, key)
