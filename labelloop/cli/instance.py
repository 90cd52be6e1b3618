"""The Dagster instance of a home, for commands that look at its runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from labelloop.adapters.dagster_servers import dagster_home
from labelloop.adapters.files.home import Home


@contextmanager
def instance_of(home: Home) -> Iterator[dg.DagsterInstance]:
    """Open the instance in this home, whatever DAGSTER_HOME says: a project's runs are in its own."""
    folder = dagster_home(home)
    folder.mkdir(parents=True, exist_ok=True)
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(folder)
    try:
        with dg.DagsterInstance.get() as instance:
            yield instance
    finally:
        if before is None:
            os.environ.pop("DAGSTER_HOME")
        else:
            os.environ["DAGSTER_HOME"] = before
