"""What a folder holds, told by looking at it: names of folders, and what its annotation files say about themselves."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from labelloop.adapters.images import list_files
from labelloop.adapters.sources import coco, fiftyone_dataset, tags, yolo
from labelloop.adapters.sources.places import BESIDES, known_split
from labelloop.core.errors import ConfigError
from labelloop.settings.model import SourceSettings

Values = Mapping[str, str]
LOOKED_AT = 5  # XML files of one place: they are of one kind, and one of them may be damaged
MOST_TABLES = 50  # JSON files: a data set with one for each image is none of these formats

VOC_LAYOUTS = (
    ("images", "annotations", "splits"),
    ("JPEGImages", "Annotations", "ImageSets/Main"),
    ("images", "Annotations", "splits"),
    (".", "annotations", "splits"),
    (".", ".", "splits"),
)


@dataclass(frozen=True)
class Listing:
    """A folder and all files below it."""

    root: Path
    files: Sequence[Path]

    @property
    def images(self) -> Iterator[Path]:
        """Files that are no annotations."""
        return (path for path in self.files if path.suffix.lower() not in BESIDES)

    def having(self, *suffixes: str) -> list[Path]:
        """Files with one of these suffixes."""
        return [path for path in self.files if path.suffix.lower() in suffixes]

    def atop(self) -> list[Path]:
        """Files directly in the folder."""
        return [path for path in self.files if path.parent == self.root]


Look = Callable[[Listing], Values | None]


def detect(place: Path) -> list[SourceSettings]:
    """The formats that fit a folder or an annotation file, best first; a folder of images alone fits always.

    Args:
        place: A folder, or a file such as a data.yaml or a COCO JSON.

    Returns:
        Settings whose `path` is the folder, as an absolute path.

    Raises:
        ConfigError: If it is not there, or a file that holds no labels.
    """
    if place.is_file():
        return [_of_file(place)]
    if not place.is_dir():
        raise ConfigError(f"{place} is not a folder", "Name the folder of your images.")
    listing = Listing(place, list_files(place))
    found = [(name, values) for name, look in LOOKS.items() if (values := look(listing)) is not None]
    return [SourceSettings.model_validate({"type": name, "path": str(place), **values}) for name, values in found]


def _of_file(file: Path) -> SourceSettings:
    root, values = file.parent, {"annotations": file.name}
    suffix = file.suffix.lower()
    fits = {
        "yolo": suffix in (".yaml", ".yml") and "names" in _mapping(file, yolo.load),
        "cvat_xml": suffix == ".xml" and _xml_root(file) == "annotations",
        "coco": suffix == ".json" and coco.is_coco(_mapping(file, _json)),
        "fiftyone_dataset": file.name == fiftyone_dataset.SAMPLES and "samples" in _mapping(file, _json),
        "tags": suffix in (".csv", ".tsv", ".json") and tags.fits(file),
    }
    name = next((name for name, true in fits.items() if true), None)
    if name is None:
        raise ConfigError(f"{file} holds no labels that labelloop can read", "Name the folder of your data set.")
    # A table below the images, such as annotations/train.json, speaks of images beside its folder.
    lonely = all(path.suffix.lower() in BESIDES for path in list_files(root))
    if lonely:
        root, values = root.parent, {"annotations": f"{root.name}/{file.name}"}
    return SourceSettings.model_validate({"type": name, "path": str(root), **values})


def _fiftyone(given: Listing) -> Values | None:
    return {} if "samples" in _mapping(given.root / fiftyone_dataset.SAMPLES, _json) else None


def _yolo(given: Listing) -> Values | None:
    yamls = [path for path in given.atop() if path.suffix.lower() in (".yaml", ".yml")]
    cards = [path for path in yamls if "names" in _mapping(path, yolo.load)]
    if cards:
        usual = next((path for path in cards if path.stem in ("data", "dataset")), cards[0])
        return {"annotations": usual.name} if len(cards) > 1 else {}
    known = set(given.files)
    listed = any(given.root / name in known for name in yolo.NAME_LISTS)
    labelled = listed and any(label in known for path in given.images for label in yolo.label_files(path))
    return {} if labelled else _classified(given)


def _classified(given: Listing) -> Values | None:
    """Images in split/class folders, several of each."""
    classes: dict[str, set[str]] = {}
    for path in given.images:
        parts = path.relative_to(given.root).parts
        if len(parts) != 3 or known_split(parts[0]) is None or parts[1] in ("images", "labels"):
            return None
        classes.setdefault(parts[0], set()).add(parts[1])
    return {} if len(classes) > 1 and all(len(own) > 1 for own in classes.values()) else None


def _coco(given: Listing) -> Values | None:
    tables = [path for path in given.having(".json")[:MOST_TABLES] if coco.is_coco(_mapping(path, _json))]
    if not tables:
        return None
    instances = {path.parent for path in tables if path.name.startswith(coco.PREFERRED)}
    if len(instances) != 1:
        return {}
    folder = instances.pop().relative_to(given.root)
    return {"annotations": (folder / f"{coco.PREFERRED}*.json").as_posix()}


def _voc(given: Listing) -> Values | None:
    for images, annotations, splits in VOC_LAYOUTS:
        folder = given.root / annotations
        beside = [path for path in given.having(".xml") if path.is_relative_to(folder)]
        if (given.root / images).is_dir() and any(_xml_root(path) == "annotation" for path in beside[:LOOKED_AT]):
            return {"images": images, "annotations": annotations, "splits": splits}
    return None


def _cvat(given: Listing) -> Values | None:
    documents = given.having(".xml")[:LOOKED_AT]
    return {} if any(_xml_root(path) == "annotations" for path in documents) else None


def _tags(given: Listing) -> Values | None:
    known = set(given.files)
    sidecars = any(path.with_name(f"{path.name}.txt") in known for path in given.images)
    return {} if sidecars or any(map(tags.fits, given.atop())) else None


def _folder(_: Listing) -> Values:
    return {}


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8-sig"))


def _mapping(path: Path, load: Callable[[Path], Any]) -> dict[Any, Any]:
    """A file that is a mapping; anything else, also a damaged file, is an empty one."""
    try:
        content = load(path) if path.is_file() else None
    except (ConfigError, ValueError, OSError, RecursionError, csv.Error):
        return {}
    return content if isinstance(content, dict) else {}


def _xml_root(path: Path) -> str:
    """Name of the outermost element, of which nothing else is read; empty if it is damaged."""
    try:
        with path.open("rb") as file:
            return next((str(element.tag) for _, element in iterparse(file, events=("start",))), "")
    except (ParseError, DefusedXmlException, ValueError, LookupError, OSError):
        return ""


LOOKS: Mapping[str, Look] = {
    "fiftyone_dataset": _fiftyone,
    "yolo": _yolo,
    "coco": _coco,
    "voc": _voc,
    "cvat_xml": _cvat,
    "tags": _tags,
    "folder": _folder,
}
