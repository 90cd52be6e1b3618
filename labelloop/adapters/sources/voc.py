"""Pascal VOC: an XML file for each image, lists of names for the splits."""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from defusedxml.ElementTree import parse

from labelloop.adapters.sources.places import folder_of, images_below, known_split
from labelloop.adapters.sources.source import Collector, Size, Source
from labelloop.core.source_labels import SourceLabel
from labelloop.settings.model import SourceSettings

Names = Mapping[Path, Sequence[str]]
ATTRIBUTES = ("pose", "truncated", "difficult", "occluded")


def read(root: Path, settings: SourceSettings) -> Source:
    """Boxes, in pixels. An XML without an object is a background image unless `empty_means` says otherwise."""
    images = folder_of(root / (settings.images or "images"), "source.path")
    files = images_below(images)
    annotations = folder_of(root / (settings.annotations or "annotations"), "source.annotations")
    found = Collector(files, empty_is_background=settings.empty_means != "unlabelled")
    names = _names(files, images)
    used = set()
    for path, called in names.items():
        xml = next((xml for name in called if (xml := annotations / f"{name}.xml").is_file()), None)
        if xml is None:
            continue
        used.add(xml)
        with found.reading(xml, path):
            labels, size = _content(xml)
            found.put(path, labels)
            found.sizes |= {path: size} if size else {}
    found.missing |= {f"image of {xml}" for xml in annotations.rglob("*.xml") if xml not in used}
    lists = root / (settings.splits or "splits")
    found.splits |= _splits(names, lists) if lists.is_dir() else _split_folders(files, images)
    return found.source()


def _names(files: list[Path], images: Path) -> Names:
    """What an image may be called in XML files and lists: its path, and its name alone if no other image has it."""
    names = {path: path.relative_to(images).with_suffix("").as_posix() for path in files}
    alike = Counter(PurePosixPath(name).name for name in set(names.values()))
    return {path: [name, *([path.stem] if alike[path.stem] == 1 else [])] for path, name in names.items()}


def _content(xml: Path) -> tuple[list[SourceLabel], Size | None]:
    root = parse(xml).getroot()
    if root is None:
        return [], None
    width, height = (float(root.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    return [_box(item) for item in root.iter("object")], (width, height) if width and height else None


def _box(item: ET.Element) -> SourceLabel:
    name = (item.findtext("name") or "").strip()
    corners = [item.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
    if not name or None in corners:
        raise ValueError("an object without name or bndbox")
    said = {key: text.strip() for key in ATTRIBUTES if (text := item.findtext(key))}
    return SourceLabel.box(name, [float(corner) for corner in corners if corner is not None], attributes=said)


def _splits(names: Names, folder: Path) -> dict[Path, str]:
    """Splits of `train.txt`, `val.txt`, `test.txt`; a file named in none of them has no split."""
    split_of: dict[str, str] = {}
    for name in ("train", "val", "test"):
        listing = folder / f"{name}.txt"
        if listing.is_file():
            split_of |= {line.split()[0]: name for line in listing.read_text("utf-8").splitlines() if line.split()}
    return {path: split_of[name] for path, called in names.items() for name in called[::-1] if name in split_of}


def _split_folders(files: Sequence[Path], images: Path) -> dict[Path, str]:
    """Splits of folders called so; only if every image lies in one, or a folder may mean anything."""
    splits = {path: known_split(path.relative_to(images).parts[0]) for path in files}
    named = {path: split for path, split in splits.items() if split is not None}
    return named if len(named) == len(files) else {}
