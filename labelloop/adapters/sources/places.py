"""Files of a source, and how strangers' texts name them; nothing outside the folder of the source is ever reached."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from labelloop.adapters.images import list_files
from labelloop.core.errors import ConfigError
from labelloop.core.vocabulary import SPLIT_ALIASES
from labelloop.settings.model import SourceSettings

# What lies beside images in data sets and is none; anything else that is no image is set aside and listed.
BESIDES = frozenset(
    {".json", ".jsonl", ".xml", ".txt", ".yaml", ".yml", ".csv", ".tsv", ".names", ".data", ".cache", ".md", ".npy"}
)


def folder_of(path: Path, key: str) -> Path:
    """A folder that the settings name.

    Raises:
        ConfigError: If it is none.
    """
    if not path.is_dir():
        raise ConfigError(f"{key}: {path} is not a folder", "Correct labelloop.yaml.")
    return path


def images_below(folder: Path, key: str = "source.path") -> list[Path]:
    """Every file in the place of an image, sorted; annotation files that lie between them are left out.

    Raises:
        ConfigError: If there is none.
    """
    files = [path for path in list_files(folder_of(folder, key)) if path.suffix.lower() not in BESIDES]
    if not files:
        raise ConfigError(f"{key}: {folder} holds no file", "Put images there or correct labelloop.yaml.")
    return files


def annotation_files(root: Path, settings: SourceSettings, suffix: str) -> list[Path]:
    """The annotation files that the settings name, or every one below the folder with this suffix.

    Raises:
        ConfigError: If the settings name something that is not there, or that is not below the folder.
    """
    named = settings.annotations
    if not named:
        return [path for path in list_files(root) if path.suffix.lower() == suffix]
    place = Path(os.path.normpath(root / named))
    if not place.is_relative_to(root):
        raise ConfigError(f"source.annotations: {named} is not below {root}", "Name a place below source.path.")
    pattern = place.relative_to(root).as_posix()
    found = list_files(place) if place.is_dir() else sorted(root.glob(pattern))
    files = [path for path in found if path.is_file() and (not place.is_dir() or path.suffix.lower() == suffix)]
    if not files:
        raise ConfigError(f"source.annotations: {place} is not there or holds no {suffix}", "Correct labelloop.yaml.")
    return files


class Finder:
    """Finds the image that a text of a stranger means, among the files of the source."""

    def __init__(self, images: Sequence[Path]) -> None:
        self._known = set(images)
        self._by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for path in images:
            self._by_name[path.name].append(path)

    def find(self, text: str, near: Sequence[Path] = ()) -> Path | None:
        """The image, or None if there is none.

        Tried are the places in `near`, then the files of that name, whatever folder the text puts them in: of several
        the one that shares the longest end of the path.

        Raises:
            ValueError: If several files fit equally well.
        """
        plain = text.strip().replace("\\", "/")
        for folder in near:
            path = Path(os.path.normpath(folder / plain))
            if path in self._known:
                return path
        parts = PurePosixPath(plain).parts
        called = self._by_name.get(parts[-1], []) if parts else []
        shared = {path: _shared_end(path.parts, parts) for path in called}
        best = [path for path in called if shared[path] == max(shared.values())]
        if len(best) > 1:
            raise ValueError(f"'{text}' may be any of {', '.join(map(str, best[:3]))}")
        return best[0] if best else None


def _shared_end(first: Sequence[str], second: Sequence[str]) -> int:
    pairs = zip(reversed(first), reversed(second), strict=False)
    return next((count for count, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


def known_split(name: str) -> str | None:
    """A name if it is that of a split, also with a year behind it like COCO's `train2017`; else None."""
    bare = name.lower().rstrip("0123456789")
    return bare if bare in SPLIT_ALIASES else None
