"""Images with tags beside them: one CSV or JSON of paths and tags, or a text file for each image, as Hydrus exports."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labelloop.adapters.images import list_files
from labelloop.adapters.sources.places import Finder, annotation_files, images_below, known_split
from labelloop.adapters.sources.source import Collector, Source
from labelloop.core.errors import ConfigError
from labelloop.settings.model import SourceSettings

PATH_KEYS = ("path", "filepath", "file", "filename", "file_name", "image")
TAG_KEYS = ("tags", "labels", "tag", "label")
SEPARATORS = ("|", ";", ",")
Row = Mapping[str, Any]


def read(root: Path, settings: SourceSettings) -> Source:
    """Tags of images. They say nothing about objects, so every image stays unlabelled for a detector.

    Raises:
        ConfigError: If no file has a path and tags in each row.
    """
    images = images_below(root / settings.images)
    found, finder = Collector(images, empty_is_background=False), Finder(images)
    for table in table_files(root, settings):
        with found.reading(table):
            rows, separator = _rows(table)
            for number, row in enumerate(rows, start=1):
                with found.reading(f"{table}: row {number}"):
                    _put(row, separator, (table, root), finder, found)
    _read_sidecars(root, images, found)
    if not found.labels:
        why = "".join(f"; {place}: {reason}" for place, reason in list(found.damaged.items())[:3])
        raise ConfigError(
            f"source.path: {root} holds no tags{why}",
            f"A CSV or JSON needs a column {'/'.join(PATH_KEYS[:3])} and a column {'/'.join(TAG_KEYS[:2])}.",
        )
    return found.source()


def table_files(root: Path, settings: SourceSettings) -> list[Path]:
    """The tables of tags: those the settings name, or every CSV and JSON of the folder that has the columns."""
    if settings.annotations:
        return annotation_files(root, settings, Path(settings.annotations).suffix or ".csv")
    return [path for path in sorted(root.glob("*")) if fits(path)]


def fits(path: Path) -> bool:
    """Whether a file is a table of paths and tags."""
    if path.suffix.lower() not in (".csv", ".tsv", ".json"):
        return False
    try:
        return any(True for row in _rows(path)[0] if _key(row, PATH_KEYS) and _key(row, TAG_KEYS))
    except (ValueError, OSError, csv.Error):
        return False


def _rows(path: Path) -> tuple[list[Row], str]:
    """Rows of a table and what separates the tags of one, which is the same in the whole table."""
    text = path.read_text("utf-8-sig")
    if path.suffix.lower() == ".json":
        content = json.loads(text)
        if isinstance(content, dict) and all(Path(key).suffix and _is_tags(content[key]) for key in content):
            content = [{"path": key, "tags": value} for key, value in content.items()]
        return [row for row in content if isinstance(row, dict)] if isinstance(content, list) else [], ","
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ","))
    tags = [str(row.get(key)) for row in rows[:1] if (key := _key(row, TAG_KEYS)) for row in rows]
    return list(rows), next((mark for mark in SEPARATORS if any(mark in text for text in tags)), ",")


def _is_tags(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(word, str) for word in value))


def _key(row: Row, keys: Sequence[str]) -> str | None:
    return next((name for name in row if isinstance(name, str) and name.strip().lower() in keys), None)


def _put(row: Row, separator: str, where: tuple[Path, Path], finder: Finder, found: Collector) -> None:
    path_key, tag_key = _key(row, PATH_KEYS), _key(row, TAG_KEYS)
    if path_key is None or tag_key is None:
        raise ValueError("no path or no tags")
    table, root = where
    image = finder.find(str(row[path_key]), [table.parent, root])
    if image is None:
        found.missing.add(str(row[path_key]))
        return
    found.tag(image, list(_tags(row[tag_key], separator)))
    split = row.get("split")
    if split and known_split(str(split).strip()) is None:
        raise ValueError(f"a split that nobody knows: {split}")
    found.splits |= {image: str(split).strip()} if split else {}


def _tags(value: Any, separator: str) -> Iterator[str]:
    text = value.strip() if isinstance(value, str) else value
    listed = json.loads(text) if isinstance(text, str) and text.startswith("[") else text
    words = listed if isinstance(listed, list) else str(listed or "").split(separator)
    yield from (str(word).strip() for word in words if str(word).strip())


def _read_sidecars(root: Path, images: Sequence[Path], found: Collector) -> None:
    """`a.jpg.txt` beside `a.jpg`: one tag a line."""
    files = set(list_files(root))
    for image in images:
        sidecar = image.with_name(f"{image.name}.txt")
        if sidecar in files:
            with found.reading(sidecar, image):
                found.tag(image, [line.strip() for line in sidecar.read_text("utf-8-sig").splitlines() if line.strip()])
