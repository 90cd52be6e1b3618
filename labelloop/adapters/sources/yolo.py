"""YOLO: a data.yaml that names classes and splits, a text file of labels for each image."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from labelloop.adapters.images import list_files
from labelloop.adapters.sources.places import Finder, annotation_files, images_below, known_split
from labelloop.adapters.sources.source import Collector, Source
from labelloop.core.errors import ConfigError
from labelloop.core.source_labels import SourceLabel
from labelloop.core.vocabulary import LabelKind
from labelloop.settings.model import SourceSettings

NAME_LISTS = ("classes.txt", "obj.names", "labels.txt")  # of data sets without a data.yaml
OTHER_KEYS = {"path", "names", "nc", "download", "kpt_shape", "flip_idx", "channels", "roboflow", "yaml_file"}


@dataclass(frozen=True)
class Card:
    """What a data.yaml says: classes by id, the places of each split, the shape of keypoints."""

    names: Sequence[str]
    splits: Mapping[str, Sequence[str]]
    keypoints: tuple[int, int] | None = None
    folder: Path = Path()
    base: str = ""


def read(root: Path, settings: SourceSettings) -> Source:
    """Boxes, polygons and keypoints, in shares of the image; without label files, folders named by class are tags.

    An empty label file is a background image unless `empty_means` says otherwise; an image without a file is
    unlabelled, which other tools take for background.

    Raises:
        ConfigError: If there is neither a data.yaml with names, nor a list of classes, nor a folder for each class.
    """
    images = images_below(root / settings.images)
    found = Collector(images, empty_is_background=settings.empty_means != "unlabelled")
    card = read_card(root, settings)
    if card is None:
        return _classification(root, images, found)
    _read_splits(card, images, found)
    known = set(list_files(root))
    used = {label for path in images for label in label_files(path) if label in known}
    for path in images:
        label = next((label for label in label_files(path) if label in known), None)
        if label is not None:
            with found.reading(label, path):
                lines = label.read_text("utf-8-sig").splitlines()
                found.put(path, [_label(line.split(), card) for line in lines if line.strip()])
    found.missing |= {f"image of {path}" for path in known - used if "labels" in path.parts and path.suffix == ".txt"}
    return found.source(relative=True, enclose=settings.shapes_as_boxes, classes=card.names)


def read_card(root: Path, settings: SourceSettings) -> Card | None:
    """What the data.yaml says, or a bare list of names; None if there is neither.

    Raises:
        ConfigError: If several files could be the data.yaml, or it is damaged.
    """
    files = [path for suffix in (".yaml", ".yml") for path in _yaml_files(root, settings, suffix)]
    cards = {path: content for path in files if isinstance(content := load(path), dict) and "names" in content}
    if len(cards) > 1:
        listed = ", ".join(path.relative_to(root).as_posix() for path in cards)
        raise ConfigError(f"Several files of {root} name YOLO classes: {listed}", "Name one in source.annotations.")
    for path, content in cards.items():
        return _card(path, content)
    lists = [root / name for name in NAME_LISTS if (root / name).is_file()]
    if not lists:
        return None
    names = [line.strip() for line in lists[0].read_text("utf-8-sig").splitlines() if line.strip()]
    splits = {path.stem: [path.name] for path in root.glob("*.txt") if known_split(path.stem)}
    return Card(names, splits, folder=root)


def label_files(image: Path) -> list[Path]:
    """Where the labels of an image may lie: `labels` in place of the last `images` of its path, or beside it."""
    text = image.with_suffix(".txt")
    places = [place for place, part in enumerate(text.parts) if part == "images"]
    instead = [Path(*text.parts[: places[-1]], "labels", *text.parts[places[-1] + 1 :])] if places else []
    return [*instead, text]


def _yaml_files(root: Path, settings: SourceSettings, suffix: str) -> list[Path]:
    if settings.annotations:
        return annotation_files(root, settings, suffix) if settings.annotations.endswith(suffix) else []
    return sorted(root.glob(f"*{suffix}"))


def load(path: Path) -> Any:
    """Content of a YAML file.

    Raises:
        ConfigError: If it cannot be read.
    """
    try:
        return yaml.safe_load(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error


def _card(path: Path, content: Mapping[str, Any]) -> Card:
    names = content["names"]
    if isinstance(names, dict):
        numbers = sorted(names, key=int) if all(str(key).isdigit() for key in names) else []
        names = [names[key] for key in numbers] if [int(key) for key in numbers] == list(range(len(names))) else None
    if not isinstance(names, list) or not names:
        raise ConfigError(f"{path}: names is not a list of classes, or its ids have gaps", "Correct that file.")
    shape = content.get("kpt_shape")
    keypoints = (int(shape[0]), int(shape[1])) if isinstance(shape, list) and len(shape) == 2 else None
    splits = {
        str(key): [str(place) for place in (value if isinstance(value, list) else [value])]
        for key, value in content.items()
        if value and key not in OTHER_KEYS and isinstance(value, (str, list)) and _names_places(str(key), value)
    }  # fmt: skip
    return Card([str(name) for name in names], splits, keypoints, path.parent, str(content.get("path") or ""))


def _names_places(key: str, value: str | list) -> bool:
    """Whether an entry of a data.yaml is a split, also one that nobody knows, and not a remark."""
    return known_split(key) is not None or "/" in str(value)


def _read_splits(card: Card, images: Sequence[Path], found: Collector) -> None:
    """The split of each image; of a place that is not there, in whatever way it is named, the entry is listed."""
    finder = Finder(images)
    for split, places in card.splits.items():
        for text in places:
            bases = [
                path for place in _spellings(text) for path in (card.folder / card.base / place, card.folder / place)
            ]
            place = next((path for base in bases if (path := Path(os.path.normpath(base))).exists()), None)
            if place is None or not place.is_relative_to(card.folder):
                found.damaged[f"{split}: {text}"] = "a place that is not there, or not below the source"
            elif place.is_dir():
                found.splits |= {path: split for path in images if path.is_relative_to(place)}
            else:
                _read_list(place, split, card, finder, found)


def _spellings(text: str) -> list[str]:
    """A place as it is written and, for Roboflow writes it so, without the steps out of the folder before it."""
    plain = text.replace("\\", "/")
    inner = PurePosixPath(*[part for part in PurePosixPath(plain).parts if part not in ("..", "/")]).as_posix()
    return [plain.lstrip("/") if PurePosixPath(plain).is_absolute() else plain, inner]


def _read_list(listing: Path, split: str, card: Card, finder: Finder, found: Collector) -> None:
    """The images named in a text file, a line each."""
    with found.reading(listing):
        for line in listing.read_text("utf-8-sig").splitlines():
            if not line.strip():
                continue
            with found.reading(f"{listing}: {line}"):
                image = finder.find(line, [listing.parent, card.folder / card.base, card.folder])
                if image is None:
                    found.missing.add(line.strip())
                else:
                    found.splits[image] = split


def _label(words: Sequence[str], card: Card) -> SourceLabel:
    number, values = int(words[0]), [float(word) for word in words[1:]]
    if not 0 <= number < len(card.names):
        raise ValueError(f"class {number} is not among the {len(card.names)} names")
    name = card.names[number]
    points, step = card.keypoints or (0, 0)
    if len(values) == 4 or (points and len(values) == 4 + points * step):
        x, y, width, height = values[:4]
        if width < 0 or height < 0:
            raise ValueError("a box with negative sides")
        rest = [values[start : start + step] for start in range(4, len(values), step)] if points else []
        return SourceLabel.box(name, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), points=rest)
    if len(values) < 6 or len(values) % 2:
        raise ValueError(f"{len(values)} numbers behind the class: neither a box nor a polygon")
    return SourceLabel.drawn(LabelKind.POLYGON, name, [list(zip(values[::2], values[1::2], strict=True))])


def _classification(root: Path, images: Sequence[Path], found: Collector) -> Source:
    """Images in a folder for each class, below a folder for each split or not: the class is a tag."""
    for path in images:
        folders = path.relative_to(root).parts[:-1]
        split = known_split(folders[0]) if folders else None
        if split:
            found.splits[path] = split
        classes = folders[1:] if split else folders
        if classes:
            found.tag(path, [classes[-1]])
    if not found.labels:
        raise ConfigError(f"{root} holds no data.yaml with names, no list of classes and no folder for each class")
    return found.source()
