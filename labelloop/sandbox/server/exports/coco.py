"""COCO 1.0: boxes, polygons, ellipses and masks. Lines, points and tags have no place in it."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from labelloop.sandbox.server.exports.scene import Image, Scene
from labelloop.sandbox.server.store import Row

DEFAULT_SUBSET = "default"
ELLIPSE_CORNERS = 36


def subset_of(image: Image) -> str:
    """The subset an image is filed under."""
    return image.task["subset"] or DEFAULT_SUBSET


def documents(scene: Scene) -> dict[str, Row]:
    """The annotation document of each subset."""
    groups: dict[str, list[Image]] = {}
    for image in scene.images:
        groups.setdefault(subset_of(image), []).append(image)
    return {subset: _document(scene, images) for subset, images in (groups or {DEFAULT_SUBSET: []}).items()}


def _document(scene: Scene, images: Sequence[Image]) -> Row:
    categories = {label["id"]: number for number, label in enumerate(scene.labels, 1)}
    annotations = [
        _annotation(scene, image_id, categories[shape["label_id"]], shape)
        for image_id, image in enumerate(images, 1)
        for shape in image.shapes
        if shape["type"] in SEGMENTATIONS
    ]
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": "", "description": "", "url": "", "version": "", "year": ""},
        "categories": [
            {"id": categories[label["id"]], "name": label["name"], "supercategory": ""} for label in scene.labels
        ],
        "images": [_image(number, image) for number, image in enumerate(images, 1)],
        "annotations": [{"id": number, **item} for number, item in enumerate(annotations, 1)],
    }


def _image(number: int, image: Image) -> Row:
    return {
        "id": number, "width": image.frame["width"], "height": image.frame["height"], "file_name": image.path,
        "license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0,
    }  # fmt: skip


def _annotation(scene: Scene, image_id: int, category_id: int, shape: Row) -> Row:
    segmentation, box, area = SEGMENTATIONS[shape["type"]](shape)
    values = {scene.attribute_names[item["spec_id"]]: _typed(item["value"]) for item in shape["attributes"]}
    return {
        "image_id": image_id, "category_id": category_id, "segmentation": segmentation, "area": area, "bbox": box,
        "iscrowd": int(shape["type"] == "mask"),
        "attributes": {**values, "occluded": shape["occluded"], "rotation": shape["rotation"]},
    }  # fmt: skip


def _typed(value: str) -> Any:
    return {"true": True, "false": False}.get(value, value)


Drawing = tuple[Any, list[float], float]  # segmentation, box as x y width height, area


def _rectangle(shape: Row) -> Drawing:
    left, top, right, bottom = shape["points"]
    return [], [left, top, right - left, bottom - top], (right - left) * (bottom - top)


def _polygon(shape: Row) -> Drawing:
    points = shape["points"]
    return [points], _bounds(points), _area(points)


def _ellipse(shape: Row) -> Drawing:
    """An ellipse as a polygon: CVAT gives its centre, its right-most x and its top-most y."""
    x, y, right, top = shape["points"]
    turns = [2 * math.pi * corner / ELLIPSE_CORNERS for corner in range(ELLIPSE_CORNERS)]
    points = [value for turn in turns for value in (x + (right - x) * math.cos(turn), y + (y - top) * math.sin(turn))]
    return [points], _bounds(points), _area(points)


def _mask(shape: Row) -> Drawing:
    """A mask as CVAT keeps it: run lengths inside a box, as COCO's uncompressed run lengths of that box."""
    *runs, left, top, right, bottom = (int(value) for value in shape["points"])
    width, height = right - left + 1, bottom - top + 1
    pixels = list(_pixels(runs))[: width * height]
    columns = [pixels[row * width + column] for column in range(width) for row in range(height)]
    segmentation = {"counts": _runs(columns), "size": [height, width], "offset": [left, top]}
    return segmentation, [left, top, width, height], float(sum(columns))


def _pixels(runs: Sequence[int]) -> Iterator[int]:
    for number, length in enumerate(runs):
        yield from [number % 2] * length


def _runs(pixels: Sequence[int]) -> list[int]:
    counts, value = [0], 0
    for pixel in pixels:
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def _bounds(points: Sequence[float]) -> list[float]:
    xs, ys = points[::2], points[1::2]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def _area(points: Sequence[float]) -> float:
    xs, ys = points[::2], points[1::2]
    return abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))) / 2


SEGMENTATIONS = {"rectangle": _rectangle, "polygon": _polygon, "ellipse": _ellipse, "mask": _mask}
