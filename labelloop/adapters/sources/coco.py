"""COCO: JSON files with images, annotations and categories, one for each split or one for all."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelloop.adapters.sources.places import Finder, annotation_files, images_below, known_split
from labelloop.adapters.sources.source import Collector, Source
from labelloop.core.errors import ConfigError
from labelloop.core.masks import coco_mask, kept_mask
from labelloop.core.source_labels import SourceLabel
from labelloop.core.vocabulary import LabelKind
from labelloop.settings.model import SourceSettings

PREFERRED = "instances_"  # COCO's own folders hold captions and keypoints of the same images beside the instances
KNOWN = {"id", "image_id", "category_id", "bbox", "segmentation", "area", "keypoints", "num_keypoints", "attributes"}


def read(root: Path, settings: SourceSettings) -> Source:
    """Boxes with their instance masks and keypoints, in pixels.

    An image of the list without an annotation is unlabelled unless `empty_means` is background: such files also list
    images that nobody has looked at. Classes are the categories in the order of their ids.

    Raises:
        ConfigError: If no file is COCO.
    """
    images = images_below(root / settings.images)
    found = Collector(images, empty_is_background=settings.empty_means == "background")
    contents = {path: content for path, content in _contents(root, settings, found) if content is not None}
    if not contents:
        raise ConfigError(f"source.path: {root} holds no COCO file{_why(found)}", "Name it in source.annotations.")
    finder, names = Finder(images), _split_names(contents)
    for path, content in contents.items():
        _read_file(path, content, root, names[path], finder, found)
    return found.source(enclose=settings.shapes_as_boxes, classes=_classes(contents.values()))


def is_coco(content: Any) -> bool:
    """Whether the content of a JSON file is COCO's."""
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in ("images", "categories"))


def coco_files(root: Path, settings: SourceSettings) -> list[Path]:
    """The JSON files to read; without the settings naming any, those of instances where there are some."""
    files = annotation_files(root, settings, ".json")
    preferred = [path for path in files if path.name.startswith(PREFERRED)]
    return preferred if preferred and not settings.annotations else files


def _contents(root: Path, settings: SourceSettings, found: Collector) -> list[tuple[Path, dict[str, Any] | None]]:
    contents: list[tuple[Path, dict[str, Any] | None]] = []
    for path in coco_files(root, settings):
        with found.reading(path):
            content = json.loads(path.read_text("utf-8-sig"))
            if settings.annotations and not is_coco(content):
                raise ValueError("no COCO file: it has no lists of images and categories")
            contents.append((path, content if is_coco(content) else None))
    return contents


def _why(found: Collector) -> str:
    return "".join(f"; {place}: {reason}" for place, reason in found.damaged.items())


def _classes(contents: Sequence[dict[str, Any]] | Any) -> list[str]:
    """Categories by id; one that only groups others (Roboflow writes such) and that no annotation uses is no class."""
    named: dict[int, str] = {}
    groups: set[str] = set()
    used: set[Any] = set()
    for content in contents:
        for category in content["categories"]:
            if isinstance(category, dict) and isinstance(category.get("id"), int) and category.get("name"):
                named.setdefault(category["id"], str(category["name"]))
                groups.add(str(category.get("supercategory")))
        used |= {item.get("category_id") for item in content.get("annotations") or [] if isinstance(item, dict)}
    return [name for number, name in sorted(named.items()) if number in used or name not in groups or len(named) == 1]


def _split_names(contents: Mapping[Path, Any]) -> dict[Path, str | None]:
    """The split of each file: a word of its name, or its folder; of several files one that tells none has its own."""
    told = {path: _told(path) for path in contents}
    if any(told.values()):
        return {path: told[path] or re.sub(rf"^{PREFERRED}", "", path.stem) for path in contents}
    return dict.fromkeys(contents, None)


def _told(path: Path) -> str | None:
    words = re.split(r"[_\-. ]+", path.stem)
    return next((split for word in (*words, path.parent.name) if (split := known_split(word))), None)


def _read_file(
    path: Path, content: dict[str, Any], root: Path, split: str | None, finder: Finder, found: Collector
) -> None:
    stem = re.sub(rf"^{PREFERRED}", "", path.stem)
    bases = [path.parent, root, path.parent.parent]
    near = [base / sub for base in bases for sub in ("", stem, f"images/{stem}", "images", "data")]
    near += [base / f"{split}" for base in bases if split]
    categories = {item.get("id"): str(item.get("name", "")) for item in content["categories"] if isinstance(item, dict)}
    by_image: defaultdict[Any, list[Any]] = defaultdict(list)
    listed = {item.get("id") for item in content["images"] if isinstance(item, dict)}
    for number, item in enumerate(content.get("annotations") or []):
        with found.reading(f"{path}: annotation {number}"):
            if item["image_id"] not in listed:
                raise ValueError(f"of an image {item['image_id']!r} that is not in the list")
            by_image[item["image_id"]].append(item)
    for number, item in enumerate(content["images"]):
        with found.reading(f"{path}: image {number}"):
            name = str(item["file_name"])
            image = finder.find(name, near)
            if image is None:
                found.missing.add(name)
                continue
            _put(f"{path}: {name}", image, item, [(each, categories) for each in by_image[item["id"]]], found)
            found.splits |= {image: split} if split else {}


def _put(place: str, image: Path, item: Mapping[str, Any], annotations: Sequence[Any], found: Collector) -> None:
    with found.reading(place, image):
        size = float(item.get("width") or 0), float(item.get("height") or 0)
        found.sizes |= {image: size} if all(size) else {}
        found.put(image, [_label(annotation, categories) for annotation, categories in annotations])


def _label(item: Mapping[str, Any], categories: Mapping[Any, str]) -> SourceLabel:
    if item["category_id"] not in categories:
        raise ValueError(f"category {item['category_id']!r} is not in the list")
    name = categories[item["category_id"]]
    attributes = {**(item.get("attributes") or {}), **{key: item[key] for key in item if key not in KNOWN}}
    outline = _outline(item.get("segmentation"))
    if not item.get("bbox"):
        return _without_box(name, outline, attributes)
    x, y, width, height = (float(value) for value in item["bbox"])
    if width < 0 or height < 0:
        raise ValueError(f"a box with negative sides: {item['bbox']}")
    detail = {**outline, "points": _keypoints(item.get("keypoints")), "attributes": attributes}
    box = SourceLabel.box(name, (x, y, x + width, y + height), **detail)
    # A crowd is many objects in one outline: as a box it would be one large wrong object.
    return SourceLabel(LabelKind.OTHER, name, box.corners, box.detail) if item.get("iscrowd") else box


def _outline(segmentation: Any) -> dict[str, Any]:
    if not segmentation:
        return {}
    if isinstance(segmentation, dict):
        return {"mask": kept_mask(coco_mask(segmentation), 0, 0)}
    return {"rings": [[[float(x), float(y)] for x, y in _pairs(ring, 2)] for ring in segmentation if ring]}


def _keypoints(values: Any) -> list[list[float]]:
    return [[float(value) for value in point] for point in _pairs(values or [], 3)]


def _pairs(values: Sequence[Any], step: int) -> list[tuple[Any, ...]]:
    if len(values) % step:
        raise ValueError(f"{len(values)} coordinates where groups of {step} were expected")
    return list(zip(*(values[start::step] for start in range(step)), strict=True))


def _without_box(name: str, outline: Mapping[str, Any], attributes: Mapping[str, Any]) -> SourceLabel:
    if "rings" in outline:
        return SourceLabel.drawn(LabelKind.POLYGON, name, outline["rings"], attributes=attributes)
    if "mask" not in outline:
        raise ValueError("an annotation without bbox and segmentation")
    raise ValueError("a mask without bbox")
