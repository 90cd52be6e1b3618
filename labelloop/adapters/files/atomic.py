"""Files are written whole or not at all: temporary name beside the target, fsync, rename."""

import errno
import glob
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from labelloop.core.errors import LabelloopError, MissingStateError

PARTIAL = ".partial"
# NumPy tells a short write without a number.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that becomes `path` when the block ends well, and vanishes when it does not.

    Raises:
        LabelloopError: If the disk is full or the folder cannot be written; `path` is as it was before.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _explain(error, path) from error
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
        _sweep(path)
    except OSError as error:
        raise _explain(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_durable(paths: Iterable[Path]) -> None:
    """Bring files that were written without fsync to the disk, or the names in folders.

    One after the other when all are written: the first brings most of what the others wait for. A disk tells of a
    failure once only, so what it told it of must not be taken for whole later: give files their names after this.

    Raises:
        LabelloopError: If the disk is full or fails.
    """
    for path in paths:
        try:
            _sync(path)
        except OSError as error:
            raise LabelloopError(
                f"{path} could not be brought to the disk and may be damaged: {error}",
                "Free some space and look at the disk, then run the same step again, which writes it anew.",
            ) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole."""
    with replacing(path) as file:
        file.write(content)


def write_json(path: Path, value: Any, *, compact: bool = False) -> None:
    """Write a JSON-like value, keys sorted, so that equal values give equal files.

    Compact is for values that are large and that nobody reads: Python indents many times slower than it writes.
    """
    text = json.dumps(value, sort_keys=True, indent=None if compact else 1, ensure_ascii=False)
    write_bytes(path, f"{text}\n".encode())


def read_json(path: Path, missing: str) -> Any:
    """Read a JSON file; `missing` says what to run first when it is not there."""
    return read_whole(path, missing, lambda: json.loads(path.read_text(encoding="utf-8")))


def read_whole(path: Path, missing: str, read: Callable[[], Any]) -> Any:
    """What `read` gives of a file; one that is not there, or damaged, is an error that says what to do."""
    if not path.is_file():
        raise MissingStateError(f"{path.name} is not there yet", missing)
    try:
        return read()
    except (ValueError, OSError, EOFError) as error:
        raise LabelloopError(
            f"{path} cannot be read: {error}", "Restore it from a copy, or remove it and run the step again."
        ) from error


def _explain(error: OSError, path: Path) -> LabelloopError:
    if error.errno in NO_ROOM:
        return LabelloopError(
            f"The disk is full or a quota is used up, {path} was not written and is as it was before: {error}",
            "Free some space and run the same step again.",
        )
    return LabelloopError(f"{path} cannot be written: {error}", "Check the folder's permissions.")


def _sweep(path: Path) -> None:
    """Remove what writers of this file left that were killed; embeddings of a large pool are gigabytes."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{PARTIAL}"):
        writer = left.name.removesuffix(PARTIAL).split(".")[-2]
        if writer.isdigit() and not _runs(int(writer)):
            left.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(path: Path) -> None:
    """Bring a file to the disk, or the names in a folder: a rename is durable when the folder's own entry is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
