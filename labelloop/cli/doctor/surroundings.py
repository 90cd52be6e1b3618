"""Where the doctor looks: a folder, its environment, and the project in it as far as it can be read."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from labelloop.adapters.files.home import Home
from labelloop.core.errors import LabelloopError
from labelloop.settings.model import Settings
from labelloop.settings.yaml_file import find_config, load_settings

SECRETS = ("CVAT_ACCESS_TOKEN", "CVAT_PASSWORD", "FIFTYONE_CVAT_PASSWORD")
ADDRESSES = ("FIFTYONE_DATABASE_URI", "CVAT_URL", "FIFTYONE_CVAT_URL")


@dataclass(frozen=True)
class Surroundings:
    """What is looked at.

    Attributes:
        folder: Where the command was started.
        environ: Its environment, as it was then.
        config: The `labelloop.yaml` in charge, if there is one.
        settings: What it says, if it can be read.
        home: The home of the project, if there is a `labelloop.yaml`.
        problem: Why there are no settings.
    """

    folder: Path
    environ: Mapping[str, str]
    config: Path | None = None
    settings: Settings | None = None
    home: Home | None = None
    problem: LabelloopError | None = None

    @classmethod
    def of(cls, folder: Path, environ: Mapping[str, str] = os.environ) -> "Surroundings":
        """The surroundings of a folder, whatever is wrong with them."""
        environ = dict(environ)
        try:
            config = find_config(folder, environ)
        except LabelloopError as error:
            return cls(folder, environ, problem=error)
        try:
            settings = load_settings(config)
        except LabelloopError as error:
            return cls(folder, environ, config, home=Home.of(config, environ=environ), problem=error)
        return cls(folder, environ, config, settings, Home.of(config, settings.media_root, environ))

    def secrets(self) -> Iterator[str]:
        """Words that must not be shown."""
        yield from (self.environ.get(name, "").strip() for name in SECRETS)
        for name in ADDRESSES:
            user_info, at, _ = self.environ.get(name, "").partition("://")[2].rpartition("@")
            if at:
                password = user_info.partition(":")[2]
                yield from (user_info, password, unquote(password))
        yield from _queries(self.environ)


def _queries(environ: Mapping[str, str]) -> Iterator[str]:
    """An address may carry secrets in its query as well."""
    for name in ADDRESSES:
        try:
            yield urlsplit(environ.get(name, "")).query
        except ValueError:
            continue
