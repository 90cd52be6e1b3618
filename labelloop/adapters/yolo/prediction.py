"""Predictions in bulk, as one frame."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import ExifTags, Image, ImageOps

from labelloop.adapters.yolo.environment import pick_device
from labelloop.adapters.yolo.weights import class_names, load
from labelloop.core.errors import ModelError

COLUMNS = ["sample_id", "label", "x1", "y1", "x2", "y2", "score"]
BATCH = 16  # images in one pass
REPORTS = 20  # how often at most on_progress is told


def predict(  # noqa: PLR0913  one call for all that decides what is found
    weights: Path,
    images: Sequence[tuple[str, Path]],
    classes: Sequence[str],
    *,
    confidence: float,
    imgsz: int,
    device: str,
    on_progress: Callable[[int, int], None],
    renamed: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Predict on images.

    Args:
        weights: Checkpoint.
        images: Sample id and path of each.
        classes: The schema; the model may know fewer, when it was trained before classes were appended.
        confidence: Predictions below this are left out.
        imgsz: Side of the square the network sees, in pixels.
        device: `auto`, `cpu`, `0`, …
        renamed: Today's name of a class by the one the model may have learnt.
        on_progress: Told how many of how many images are done, now and then.

    Returns:
        sample_id, label, x1, y1, x2, y2 (pixels of the upright image), score; in the order of `images`, best first.
        What is found in an image depends neither on the other images nor on their order.

    Raises:
        ModelError: If the model's classes are not those of the schema, or an image cannot be read.
    """
    model: Any = load(weights)
    names = class_names(model, classes, weights, renamed)
    settings = {"conf": confidence, "imgsz": imgsz, "device": pick_device(device), "verbose": False, "save": False}
    frames: dict[int, pd.DataFrame] = {}
    for rows in _batches([path for _, path in images]):
        results = model.predict([_upright(images[row][1]) for row in rows], **settings)
        for row, result in zip(rows, results, strict=True):
            frames[row] = _frame(images[row][0], result, names)
        if _worth_telling(len(frames) - len(rows), len(frames), len(images)):
            on_progress(len(frames), len(images))
    filled = [frames[row] for row in range(len(images)) if len(frames[row])]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=COLUMNS)


def _batches(paths: Sequence[Path]) -> Iterator[list[int]]:
    """Positions of images of one shape, BATCH at a time.

    In a mixed batch ultralytics pads all images to a square, in a uniform one it does not: an image's predictions
    would depend on its neighbours.
    """
    by_size: dict[tuple[int, int], list[int]] = {}
    for row, path in enumerate(paths):
        by_size.setdefault(_upright_size(path), []).append(row)
    for rows in by_size.values():
        for start in range(0, len(rows), BATCH):
            yield rows[start : start + BATCH]


def _upright_size(path: Path) -> tuple[int, int]:
    """Width and height after the EXIF rotation; reads the header only."""
    with _opened(path) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in {5, 6, 7, 8}
        return (image.height, image.width) if turned else (image.width, image.height)


def _upright(path: Path) -> Image.Image:
    """The image as people see it."""
    with _opened(path) as image:
        return ImageOps.exif_transpose(image)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, SyntaxError) as error:  # Pillow's decoders raise SyntaxError for some damaged files
        raise ModelError(f"{path} cannot be read: {error}", "Restore the image and run the step again.") from error


def _worth_telling(before: int, done: int, total: int) -> bool:
    """Whether another `REPORTS`-th of the work is done; at the end always."""
    return before * REPORTS // total < done * REPORTS // total


def _frame(sample_id: str, result: Any, names: Sequence[str]) -> pd.DataFrame:
    boxes = result.boxes.data.cpu().numpy().astype(float).reshape(-1, 6)  # x1, y1, x2, y2, score, class
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    frame = pd.DataFrame(boxes[:, :5], columns=["x1", "y1", "x2", "y2", "score"])
    frame.insert(0, "label", [names[int(number)] for number in boxes[:, 5]])
    frame.insert(0, "sample_id", sample_id)
    return frame[COLUMNS]
