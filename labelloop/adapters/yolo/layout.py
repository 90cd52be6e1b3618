"""The folder YOLO trains from: links to images, a text file of labels for each, one data.yaml."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from labelloop.core.boxes import clip
from labelloop.core.errors import LabelError


@dataclass(frozen=True, eq=False)
class TrainImage:
    """An image with its labels.

    Attributes:
        sample_id: Name of the image in the layout.
        path: The image; ultralytics turns it upright by its EXIF rotation, so width, height and boxes are upright too.
        width: In pixels.
        height: In pixels.
        boxes: (N, 4) float xyxy pixels; none for a background image.
        class_ids: (N,) positions in the class list.
    """

    sample_id: str
    path: Path
    width: int
    height: int
    boxes: np.ndarray
    class_ids: np.ndarray


def write_layout(folder: Path, classes: Sequence[str], parts: Mapping[str, Sequence[TrainImage]]) -> Path:
    """Write a layout anew, whole, and return its data.yaml.

    Args:
        folder: Replaced if it exists.
        classes: Names in the order of their ids.
        parts: Images of `train` and, where there is one, `val`.

    Raises:
        LabelError: If a label's class id is not in the class list; nothing is written.
    """
    for images in parts.values():
        for image in images:
            _require_classes(image, len(classes))
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for part, images in parts.items():
        _write_part(partial, part, images)
    description = {
        "path": str(folder),
        "train": "images/train",
        "val": "images/val" if "val" in parts else "images/train",
        "names": dict(enumerate(classes)),
    }
    (partial / "data.yaml").write_text(yaml.safe_dump(description, allow_unicode=True), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder / "data.yaml"


def label_lines(image: TrainImage) -> str:
    """The label file: class id and relative centre x, centre y, width, height, clipped to the image."""
    boxes = clip(image.boxes, image.width, image.height)
    size = np.array([image.width, image.height], dtype=float)
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2 / size, (boxes[:, 2:] - boxes[:, :2]) / size
    rows = zip(image.class_ids.tolist(), np.hstack([centres, sizes]).tolist(), strict=True)
    return "".join(f"{class_id} {' '.join(f'{value:.6f}' for value in values)}\n" for class_id, values in rows)


def _write_part(folder: Path, part: str, images: Sequence[TrainImage]) -> None:
    (folder / "images" / part).mkdir(parents=True)
    (folder / "labels" / part).mkdir(parents=True)
    for image in images:
        _link(image.path, folder / "images" / part / f"{image.sample_id}{image.path.suffix.lower()}")
        # A background image gets an empty file: without one YOLO would not know that somebody looked.
        (folder / "labels" / part / f"{image.sample_id}.txt").write_text(label_lines(image), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source.resolve())
    except OSError:  # file systems without links
        os.link(source, target) if source.stat().st_dev == target.parent.stat().st_dev else shutil.copyfile(
            source, target
        )


def _require_classes(image: TrainImage, count: int) -> None:
    wrong = sorted({int(number) for number in image.class_ids if not 0 <= number < count})
    if wrong:
        raise LabelError(f"Sample {image.sample_id} has the class ids {wrong}, the schema has {count} classes")
