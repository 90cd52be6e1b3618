"""The folder YOLO trains from: links to images, a text file of labels for each, one data.yaml."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from labelloop.core.boxes import clip
from labelloop.core.errors import LabelError, ModelError


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
        parts: Images of `train`, of `val`, or of both.

    Raises:
        LabelError: If an image's labels do not fit the class list or each other; nothing is written.
    """
    for images in parts.values():
        for image in images:
            _require_labels(image, len(classes))
    folder = folder.resolve()
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for part, images in parts.items():
        _write_part(partial, part, images)
    description = {"path": str(folder), **_places(partial, parts), "names": dict(enumerate(classes))}
    (partial / "data.yaml").write_text(yaml.safe_dump(description, allow_unicode=True), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder / "data.yaml"


def read_classes(data: Path) -> list[str]:
    """Class names of a layout, in the order of their ids."""
    names: dict[int, str] = yaml.safe_load(data.read_text(encoding="utf-8"))["names"]
    return [names[number] for number in sorted(names)]


def require_all_read(data: Path, part: str, read: Sequence[str]) -> None:
    """Refuse to go on without images that ultralytics left out; it only logs a warning.

    Args:
        data: data.yaml of the layout.
        part: `train` or `val`.
        read: Paths that ultralytics took.

    Raises:
        ModelError: If an image of the part is missing among them; names it.
    """
    wanted = {path.name for path in (data.parent / "images" / part).iterdir() if path.suffix != ".npy"}
    left_out = sorted(wanted - {Path(name).name for name in read})
    if left_out:
        targets = [str((data.parent / "images" / part / name).resolve()) for name in left_out[:3]]
        raise ModelError(
            f"YOLO cannot read {len(left_out)} of {len(wanted)} {part} images: {', '.join(targets)}",
            "Repair or remove them.",
        )


def label_lines(image: TrainImage) -> str:
    """The label file: class id and relative centre x, centre y, width, height, clipped to the image."""
    boxes = clip(image.boxes, image.width, image.height)
    size = np.array([image.width, image.height], dtype=float)
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2 / size, (boxes[:, 2:] - boxes[:, :2]) / size
    rows = zip(image.class_ids.tolist(), np.hstack([centres, sizes]).tolist(), strict=True)
    return "".join(f"{class_id} {' '.join(f'{value:.6f}' for value in values)}\n" for class_id, values in rows)


def _places(folder: Path, parts: Mapping[str, Sequence[TrainImage]]) -> dict[str, Any]:
    """Where data.yaml finds `train` and `val`; it must name both."""
    if "val" in parts:
        return {"train": "images/train" if "train" in parts else "images/val", "val": "images/val"}
    # After its last epoch ultralytics always validates. Nobody reads that figure, so one image has to do.
    image = next((image for image in parts["train"] if len(image.boxes)), parts["train"][0])
    (folder / "val.txt").write_text(f"./images/train/{_file_name(image)}\n", encoding="utf-8")
    return {"train": "images/train", "val": "val.txt"}


def _write_part(folder: Path, part: str, images: Sequence[TrainImage]) -> None:
    (folder / "images" / part).mkdir(parents=True)
    (folder / "labels" / part).mkdir(parents=True)
    for image in images:
        _link(image.path.resolve(), folder / "images" / part / _file_name(image))
        # A background image gets an empty file: without one YOLO would not know that somebody looked.
        (folder / "labels" / part / f"{image.sample_id}.txt").write_text(label_lines(image), encoding="utf-8")


def _file_name(image: TrainImage) -> str:
    return f"{image.sample_id}{image.path.suffix.lower()}"


def _link(source: Path, target: Path) -> None:
    """A link, symbolic or hard, where the file system and the user's rights allow it; otherwise a copy."""
    for attempt in (target.symlink_to, target.hardlink_to):
        with suppress(OSError):
            attempt(source)
            return
    shutil.copyfile(source, target)


def _require_labels(image: TrainImage, count: int) -> None:
    if image.boxes.shape != (len(image.class_ids), 4):
        raise LabelError(
            f"Sample {image.sample_id} has boxes of shape {image.boxes.shape} for {len(image.class_ids)} classes"
        )
    wrong = sorted({int(number) for number in image.class_ids if not 0 <= number < count})
    if wrong:
        raise LabelError(f"Sample {image.sample_id} has the class ids {wrong}, the schema has {count} classes")
