"""`credentials.json`: how the people of a sandbox, and only they, get in."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labelloop.sandbox.server.accounts import new_token

FILE_NAME = "credentials.json"
DEFAULT_USER = "sandbox"


@dataclass(frozen=True)
class Credentials:
    """The address of a sandbox, and its user's password and personal access token."""

    url: str
    username: str
    password: str
    token: str


def load(folder: Path) -> Credentials | None:
    """The credentials of a sandbox that was started before."""
    path = folder / FILE_NAME
    return Credentials(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def prepare(folder: Path, url: str, username: str | None, password: str | None) -> Credentials:
    """Keep the credentials of a sandbox at this address; they are made up when there are none.

    The file is written before the user is: a process that dies in between leaves a file that the next one follows.
    """
    old = load(folder)
    same = old if old is not None and username in (None, old.username) else None
    credentials = Credentials(
        url=url,
        username=username or (same.username if same else DEFAULT_USER),
        password=password or (same.password if same else secrets.token_urlsafe(16)),
        token=same.token if same else new_token(),
    )
    write_private(folder / FILE_NAME, asdict(credentials))
    return credentials


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file that only its owner may read, whole or not at all."""
    aside = path.with_suffix(".part")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
