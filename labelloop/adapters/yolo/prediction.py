"""Predictions in bulk, as one frame."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labelloop.adapters.yolo.environment import pick_device
from labelloop.adapters.yolo.weights import load
from labelloop.core.errors import ModelError

COLUMNS = ["sample_id", "label", "x1", "y1", "x2", "y2", "score"]
CHUNK = 64


def predict(
    weights: Path,
    images: Sequence[tuple[str, Path]],
    classes: Sequence[str],
    *,
    confidence: float,
    imgsz: int,
    device: str,
    on_progress: Callable[[int, int], None],
) -> pd.DataFrame:
    """Predict on images.

    Args:
        weights: Checkpoint.
        images: Sample id and path of each.
        classes: The schema; the model may know fewer, when it was trained before classes were appended.
        confidence: Predictions below this are left out.
        imgsz: Side of the square the network sees, in pixels.
        device: `auto`, `cpu`, `0`, …
        on_progress: Told how many of how many images are done.

    Returns:
        sample_id, label, x1, y1, x2, y2 (pixels of the upright image), score; in the order of `images`, best first.

    Raises:
        ModelError: If the model's classes are not those of the schema.
    """
    model: Any = load(weights)
    names = class_names(model, classes, weights)
    rows: list[pd.DataFrame] = []
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK]
        results = model.predict(
            [str(path) for _, path in chunk],
            conf=confidence,
            imgsz=imgsz,
            device=pick_device(device),
            batch=16,
            verbose=False,
            save=False,
        )
        rows += [_frame(sample_id, result, names) for (sample_id, _), result in zip(chunk, results, strict=True)]
        on_progress(min(start + CHUNK, len(images)), len(images))
    filled = [frame for frame in rows if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=COLUMNS)


def class_names(model: Any, classes: Sequence[str], weights: Path) -> list[str]:
    """Names of a model's classes, refused unless they are how the schema begins."""
    names = [model.names[number] for number in sorted(model.names)]
    if names != list(classes[: len(names)]):
        raise ModelError(
            f"{weights} knows the classes {', '.join(names)}, the schema has {', '.join(classes)}",
            "Train a model with label_loop, or name weights that fit.",
        )
    return names


def _frame(sample_id: str, result: Any, names: Sequence[str]) -> pd.DataFrame:
    boxes = result.boxes.data.cpu().numpy().astype(float).reshape(-1, 6)  # x1, y1, x2, y2, score, class
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    frame = pd.DataFrame(boxes[:, :5], columns=["x1", "y1", "x2", "y2", "score"])
    frame.insert(0, "label", [names[int(number)] for number in boxes[:, 5]])
    frame.insert(0, "sample_id", sample_id)
    return frame[COLUMNS]
