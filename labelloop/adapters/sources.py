"""Data sets as people keep them on disk, read into one small value: images, their splits, their boxes."""

import math
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pandas as pd
from defusedxml.ElementTree import parse

from labelloop.adapters.images import list_files
from labelloop.core.errors import ConfigError
from labelloop.settings.model import SourceSettings

BOX_COLUMNS = ["path", "label", "x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class Source:
    """What a source brings.

    Attributes:
        images: Every file in the place of an image, sorted.
        boxes: Frame with the columns path, label, x1, y1, x2, y2 (pixels as the source wrote them).
        labelled: Images that have an annotation, which may hold no box.
        splits: The source's own name of the split of an image, where it has one.
        damaged: Annotation files that cannot be read, with the reason.
    """

    images: list[Path]
    boxes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=BOX_COLUMNS))
    labelled: frozenset[Path] = frozenset()
    splits: dict[Path, str] = field(default_factory=dict)
    damaged: dict[Path, str] = field(default_factory=dict)


def read_source(settings: SourceSettings, project: Path) -> Source:
    """Read the source that the settings name.

    Raises:
        ConfigError: If a folder does not exist or holds nothing.
    """
    folder = (project / settings.path).resolve()
    images = _folder(folder / settings.images if settings.type == "voc" else folder, "source.path")
    files = list_files(images)
    if not files:
        raise ConfigError(f"source.path: {images} holds no file", "Put images there or correct labelloop.yaml.")
    if settings.type == "folder":
        return Source(images=files)
    annotations = _folder(folder / settings.annotations, "source.annotations")
    return _read_voc(_voc_names(files, images), annotations, folder / settings.splits)


def _voc_names(files: list[Path], images: Path) -> dict[Path, list[str]]:
    """What an image may be called in XML files and lists: its path, and its name alone if no other image has it."""
    names = {path: path.relative_to(images).with_suffix("").as_posix() for path in files}
    alike = Counter(PurePosixPath(name).name for name in set(names.values()))
    return {path: [name, *([path.stem] if alike[path.stem] == 1 else [])] for path, name in names.items()}


def _read_voc(names: Mapping[Path, Sequence[str]], annotations: Path, splits: Path) -> Source:
    rows: list[tuple] = []
    labelled: set[Path] = set()
    damaged: dict[Path, str] = {}
    for path, called in names.items():
        xml = next((xml for name in called if (xml := annotations / f"{name}.xml").is_file()), None)
        if xml is None:
            continue
        try:
            rows += [(path, *box) for box in _voc_boxes(xml)]
            labelled.add(path)
        except (ET.ParseError, ValueError, LookupError) as error:
            damaged[xml] = str(error) or type(error).__name__
    boxes = pd.DataFrame(rows, columns=BOX_COLUMNS)
    return Source(list(names), boxes, frozenset(labelled), _voc_splits(names, splits), damaged)


def _voc_boxes(xml: Path) -> list[tuple[str, float, float, float, float]]:
    root = parse(xml).getroot()
    return [_voc_box(item) for item in root.iter("object")] if root is not None else []


def _voc_box(item: ET.Element) -> tuple[str, float, float, float, float]:
    name = (item.findtext("name") or "").strip()
    corners = [item.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
    if not name or None in corners:
        raise ValueError("an object without name or bndbox")
    x1, y1, x2, y2 = (float(corner) for corner in corners if corner is not None)
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError("an object whose bndbox is not made of numbers")
    return name, x1, y1, x2, y2


def _voc_splits(names: Mapping[Path, Sequence[str]], folder: Path) -> dict[Path, str]:
    """Splits of `train.txt`, `val.txt`, `test.txt`; a file named in none of them has no split."""
    split_of: dict[str, str] = {}
    for name in ("train", "val", "test"):
        listing = folder / f"{name}.txt"
        if listing.is_file():
            split_of |= {line.split()[0]: name for line in listing.read_text("utf-8").splitlines() if line.split()}
    return {path: split_of[name] for path, called in names.items() for name in called[::-1] if name in split_of}


def _folder(path: Path, key: str) -> Path:
    if not path.is_dir():
        raise ConfigError(f"{key}: {path} is not a folder", "Correct labelloop.yaml.")
    return path
