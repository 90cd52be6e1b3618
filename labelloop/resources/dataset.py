"""The FiftyOne data set of a project, opened when it is needed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.dataset import LoopDataset
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
