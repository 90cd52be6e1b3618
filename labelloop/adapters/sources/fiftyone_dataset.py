"""A FiftyOne data set on disk (`FiftyOneDataset`): samples.json, metadata.json, data/."""

import base64
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from labelloop.adapters.images import list_files
from labelloop.adapters.sources.places import Finder, images_below, known_split
from labelloop.adapters.sources.source import DAMAGE, Collector, Source
from labelloop.core.errors import ConfigError
from labelloop.core.masks import Mask, kept_mask
from labelloop.core.source_labels import SourceLabel
from labelloop.core.vocabulary import Field, LabelKind
from labelloop.settings.model import SourceSettings

SAMPLES, METADATA = "samples.json", "metadata.json"
PREFERRED = (Field.GROUND_TRUTH, Field.HUMAN_LABELS)
MOST_MASK_BYTES = 1 << 26
# Lists of labels by FiftyOne's class; those of a single label are its own kind of list.
LISTS = {
    "Detections": "detections",
    "Classifications": "classifications",
    "Polylines": "polylines",
    "Keypoints": "keypoints",
}
SINGLE = ("Classification", "Polyline", "Keypoint")
OWN = ("label", "bounding_box", "mask", "mask_path", "points", "closed", "filled", "index")


def read(root: Path, settings: SourceSettings) -> Source:
    """Boxes with instance masks of one field; classifications, polylines and keypoints of all fields but predictions.

    A sample whose field is None is unlabelled, one with an empty list is background unless `empty_means` says
    otherwise. The tags `train`, `val`, `test` of samples are splits. Shares of the image.

    Raises:
        ConfigError: If there is no samples.json, or several fields could hold the boxes.
    """
    samples, metadata = _samples(root), _metadata(root)
    files = list_files(root / "data") if (root / "data").is_dir() else images_below(root / settings.images)
    found = Collector(files, empty_is_background=settings.empty_means != "unlabelled")
    field, finder = _field(samples, settings.field), Finder(files)
    for number, sample in enumerate(samples):
        with found.reading(f"{SAMPLES}: sample {number}"):
            name = str(sample["filepath"])
            image = finder.find(name, [root])
            if image is None:
                found.missing.add(name)
                continue
            _put(f"{SAMPLES}: {name}", image, sample, (root, field), found)
    return found.source(relative=True, enclose=settings.shapes_as_boxes, classes=_classes(metadata, field))


def _samples(root: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads((root / SAMPLES).read_text("utf-8-sig"))["samples"]
        return [sample for sample in content if isinstance(sample, dict)]
    except DAMAGE as error:
        raise ConfigError(f"source.path: {root / SAMPLES} is not FiftyOne's: {error}", "Export it anew.") from error


def _metadata(root: Path) -> dict[str, Any]:
    path = root / METADATA
    try:
        content = json.loads(path.read_text("utf-8-sig")) if path.is_file() else {}
    except DAMAGE as error:
        raise ConfigError(f"{path} cannot be read: {error}", "Export the data set anew.") from error
    return content if isinstance(content, dict) else {}


def _classes(metadata: Mapping[str, Any], field: str) -> list[str]:
    """Classes the data set defines for the field or for all; FiftyOne has no ids but their order."""
    info = metadata.get("info") or {}
    choices = ((metadata.get("classes") or {}).get(field), metadata.get("default_classes"), info.get("classes"))
    return [str(name) for name in next((choice for choice in choices if choice), [])]


def _field(samples: Sequence[Mapping[str, Any]], named: str) -> str:
    """The field with the boxes; an empty name if there is none."""
    fields = {key for sample in samples for key, value in sample.items() if _class(value) == "Detections"}
    if named:
        if fields and named not in fields:
            raise ConfigError(
                f"source.field: no sample has boxes in '{named}'", f"There are: {', '.join(sorted(fields))}."
            )
        return named
    preferred = next((str(name) for name in PREFERRED if name in fields), None)
    if preferred is None and len(fields) > 1:
        raise ConfigError(f"Several fields hold boxes: {', '.join(sorted(fields))}", "Name one in source.field.")
    return preferred or next(iter(fields), "")


def _class(value: Any) -> str:
    return str(value.get("_cls", "")) if isinstance(value, dict) else ""


def _put(place: str, image: Path, sample: Mapping[str, Any], where: tuple[Path, str], found: Collector) -> None:
    root, field = where
    with found.reading(place, image):
        tags = [tag for tag in sample.get("tags") or [] if known_split(str(tag).removeprefix("split:"))]
        found.splits |= {image: str(tags[0]).removeprefix("split:")} if tags else {}
        size = sample.get("metadata") or {}
        found.sizes |= {image: (size["width"], size["height"])} if size.get("width") and size.get("height") else {}
        labels = [
            label
            for name, value in sample.items()
            if name == field or (_class(value) not in ("", "Detections") and not name.startswith("predictions"))
            for item, kind in _items(value)
            for label in _labels(item, kind, root)
        ]
        found.put(image, labels, looked=isinstance(sample.get(field), dict))


def _items(value: Any) -> list[tuple[Mapping[str, Any], str]]:
    kind = _class(value)
    if kind in SINGLE:
        return [(value, kind)]
    return [(item, kind.removesuffix("s")) for item in value[LISTS[kind]]] if kind in LISTS else []


def _labels(item: Mapping[str, Any], kind: str, root: Path) -> list[SourceLabel]:
    name = str(item.get("label") or "")
    about = {
        key: value
        for key, value in item.items()
        if key not in OWN and not key.startswith("_") and isinstance(value, (str, int, float, bool))
    }
    detail = {"attributes": about} if about else {}
    if kind == "Classification":
        return [SourceLabel(LabelKind.TAG, name, detail=detail)]
    if kind == "Polyline":
        drawn = LabelKind.POLYGON if item.get("closed") or item.get("filled") else LabelKind.POLYLINE
        return [SourceLabel.drawn(drawn, name, [[(x, y) for x, y in ring] for ring in item["points"]], **detail)]
    if kind == "Keypoint":
        points = [(float(x), float(y)) for x, y in item["points"] if x is not None and x == x]  # noqa: PLR0124  # NaN
        return [SourceLabel.drawn(LabelKind.POINTS, name, [points], **detail)]
    x, y, width, height = (float(value) for value in item["bounding_box"])
    mask = _mask(item, root)
    return [
        SourceLabel.box(name, (x, y, x + width, y + height), mask=None if mask is None else kept_mask(mask), **detail)
    ]


def _mask(item: Mapping[str, Any], root: Path) -> Mask | None:
    """The instance mask inside the box: in the file itself as a compressed array, or a picture beside it."""
    if isinstance(packed := item.get("mask"), dict):
        text = packed["$binary"]["base64"] if isinstance(packed.get("$binary"), dict) else packed["$binary"]
        plain = zlib.decompressobj().decompress(base64.b64decode(text), MOST_MASK_BYTES)
        return np.asarray(np.load(io.BytesIO(plain), allow_pickle=False)).astype(bool)
    if item.get("mask_path"):
        path = (root / str(item["mask_path"])).resolve()
        if not path.is_relative_to(root):
            raise ValueError(f"a mask that is not below the source: {item['mask_path']}")
        with Image.open(path) as picture:
            return np.asarray(picture.convert("L")) > 0
    return None
