"""FiftyOne and its database: which mongod, whence, and whether it opens the data that is there."""

from collections.abc import Iterator

from labelloop.adapters import mongod
from labelloop.adapters.child import ChildError, ask
from labelloop.adapters.fiftyone.environment import imported_version
from labelloop.cli.doctor.surroundings import Surroundings
from labelloop.core.diagnosis import judge_database
from labelloop.core.findings import Finding, missing, ok


def database(around: Surroundings) -> Iterator[Finding]:
    """The mongod; nothing is started."""
    given = around.environ.get("FIFTYONE_DATABASE_URI", "")
    if given and mongod.OURS not in given:
        yield ok("mongod", f"{mongod.server_version(given)}, the server of FIFTYONE_DATABASE_URI")
        return
    binary, origin = mongod.look_up(around.environ)
    version = mongod.require_version(binary)
    yield ok("mongod", f"{'.'.join(map(str, version))} from {origin}: {binary}")
    if around.home is None or not (mongod.data_folder(around.home) / "WiredTiger").is_file():
        yield ok("database", "nothing is stored yet")
        return
    data, running = str(mongod.data_folder(around.home)), mongod.owned(around.home).port()
    yield judge_database(version, mongod.compatibility(around.home), data)
    if running is not None:
        yield ok("database", f"it answers on port {running}")


def fiftyone(_: Surroundings) -> Iterator[Finding]:
    """Whether FiftyOne can be imported."""
    try:
        yield ok("FiftyOne", str(ask(imported_version)))
    except ChildError as error:
        remedy = "Mend cv2 first if that is what it names, else run `pip install --force-reinstall fiftyone`."
        yield missing("FiftyOne", f"it cannot be imported: {error.what}", remedy)
