"""FiftyOne's data set zoo: downloaded once, then read from its files like any other source."""

import json
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

from labelloop.adapters.fiftyone.environment import prepare
from labelloop.adapters.files.home import Home
from labelloop.core.errors import ConfigError

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAMES_S = 120.0


def names() -> list[str]:
    """Names of the data sets in the zoo, asked in a process of its own: FiftyOne reads its environment only once."""
    code = "import json, fiftyone.zoo as zoo; print(json.dumps(zoo.list_zoo_datasets()))"
    asked = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=NAMES_S, check=False
    )
    if asked.returncode:
        return []
    return [str(name) for name in json.loads(asked.stdout.strip().splitlines()[-1])]


def fetch(home: Home, database_uri: str, name: str, splits: str = "") -> Path:
    """Folder of a zoo data set in FiftyOne's own format, its images beside it; downloaded unless it is there.

    Args:
        home: The home; everything lies in its media folder.
        database_uri: FiftyOne keeps the data set there while it is converted.
        name: Name in the zoo.
        splits: Names of splits, separated by commas; empty: all.

    Raises:
        ConfigError: If it is not in the zoo, or cannot be downloaded.
    """
    wanted = [part.strip() for part in splits.split(",") if part.strip()]
    if not NAME.fullmatch(name):
        raise ConfigError(f"source.path: '{name}' is no name of the FiftyOne zoo", "Names look like 'coco-2017'.")
    folder = home.root / "media" / "zoo" / "-".join([name, *wanted])
    if (folder / "samples.json").is_file():
        return folder
    prepare(home, database_uri)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    downloads = home.root / "media" / "zoo" / "downloads"
    _convert(name, wanted, downloads, partial)
    partial.rename(folder)
    shutil.rmtree(downloads, ignore_errors=True)
    return folder


def _convert(name: str, splits: list[str], downloads: Path, folder: Path) -> None:
    import fiftyone as fo
    import fiftyone.zoo as foz

    chosen = {"splits": splits} if splits else {}
    temporary = f"labelloop-zoo-{uuid.uuid4().hex[:8]}"
    before, fo.config.dataset_zoo_dir = fo.config.dataset_zoo_dir, str(downloads)
    try:
        dataset = foz.load_zoo_dataset(name, dataset_name=temporary, **chosen)
        dataset.export(export_dir=str(folder), dataset_type=fo.types.FiftyOneDataset, export_media="move")
    except Exception as error:  # each data set has a downloader of its own, with errors of its own
        said = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"'{name}' of the FiftyOne zoo could not be loaded: {type(error).__name__}: {said}",
            "Check the name and the connection, or export the data set elsewhere and name its folder "
            "(source.type: fiftyone_dataset).",
        ) from error
    finally:
        fo.config.dataset_zoo_dir = before
        if fo.dataset_exists(temporary):
            fo.delete_dataset(temporary)
