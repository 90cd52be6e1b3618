"""Where a project keeps what: one home is one project, one data set, one Dagster instance."""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labelloop.adapters.files import atomic, locks
from labelloop.core.errors import ConfigError

STATE_FOLDER = ".labelloop"


def way_back(identity: str) -> str:
    """What to do where a data set elsewhere is this project's own, made before its state was lost."""
    return (
        f"If it is this project and its state was lost: run `labelloop down`, move {STATE_FOLDER} away, write "
        f'{{"uuid": "{identity}"}} into {STATE_FOLDER}/dataset.json, then run `labelloop init` and prepare_pool: what '
        "was made under that identity is found again."
    )


@dataclass(frozen=True)
class Home:
    """The folders of a project.

    Attributes:
        project: Folder of `labelloop.yaml`; relative paths of the settings start here.
        root: Folder of the state, `.labelloop` beside it unless `LABELLOOP_HOME` says otherwise.
        media_root: Folder that image paths are kept relative to.
    """

    project: Path
    root: Path
    media_root: Path

    @classmethod
    def of(cls, config: Path, media_root: str = ".", environ: Mapping[str, str] = os.environ) -> "Home":
        """The home of a `labelloop.yaml`."""
        named = environ.get("LABELLOOP_HOME")
        root = Path(named).expanduser().resolve() if named else config.parent / STATE_FOLDER
        return cls(project=config.parent, root=root, media_root=(config.parent / media_root).resolve())

    def lock(self, name: str) -> Path:
        """Lock file of a kind of exclusive work."""
        return self.root / "locks" / name

    def locate(self, stored: str) -> Path:
        """Absolute path of an image from the path that the samples table keeps."""
        return self.media_root / stored

    def relative(self, path: Path) -> str:
        """What the samples table keeps for an image: relative below media_root, absolute elsewhere."""
        inside = path.is_relative_to(self.media_root)
        return path.relative_to(self.media_root).as_posix() if inside else path.as_posix()

    def dataset_uuid(self) -> str:
        """Identity of the data set, made once; CVAT keys carry it so that homes never adopt each other's tasks."""
        path = self.root / "dataset.json"
        with locks.exclusive(self.lock("uuid")):
            if not path.is_file():
                atomic.write_json(path, {"uuid": uuid.uuid4().hex})
        return str(atomic.read_json(path, "Run `labelloop init`.")["uuid"])

    def require(self) -> None:
        """Refuse to work in a project that was never initialised.

        Raises:
            ConfigError: If the state folder does not exist.
        """
        if not self.root.is_dir():
            raise ConfigError(f"{self.root} does not exist", "Run `labelloop init` in the folder of labelloop.yaml.")
