"""How good a model is on labelled images, by ultralytics' own measure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labelloop.adapters.yolo.environment import pick_device
from labelloop.adapters.yolo.weights import load

CURVE_POINTS = 101


@dataclass(frozen=True, eq=False)
class DetectionMetrics:
    """Metrics of a detector.

    Attributes:
        map50: Mean average precision at IoU 0.5 over the classes that occur.
        map50_95: Mean over IoU 0.5 to 0.95.
        precision: At the confidence of the best F1.
        recall: At the same confidence.
        per_class: label, images, instances, precision, recall, ap50, ap50_95; NaN where a class does not occur.
        pr_curve: Precision at CURVE_POINTS recalls from 0 to 1, by class.
        confusion: (C + 1, C + 1) counts, predicted by true; the last row and column are background.
    """

    map50: float
    map50_95: float
    precision: float
    recall: float
    per_class: pd.DataFrame
    pr_curve: dict[str, np.ndarray]
    confusion: np.ndarray

    def figures(self) -> dict[str, Any]:
        """The metrics as JSON-like values; NaN becomes None."""
        table = self.per_class.astype(object).where(self.per_class.notna(), None)
        return {
            "map50": self.map50,
            "map50_95": self.map50_95,
            "precision": self.precision,
            "recall": self.recall,
            "per_class": table.to_dict("records"),
        }


def evaluate(weights: Path, data: Path, *, imgsz: int, device: str, folder: Path) -> DetectionMetrics:
    """Validate a model on the `val` part of a layout; `folder` is for what ultralytics writes meanwhile."""
    model: Any = load(weights)
    found = model.val(
        data=str(data), split="val", imgsz=imgsz, device=pick_device(device), batch=16, workers=0, plots=True,
        verbose=False, project=str(folder.parent), name=folder.name, exist_ok=True,
    )  # fmt: skip
    names = [found.names[number] for number in sorted(found.names)]
    return DetectionMetrics(
        map50=float(found.box.map50),
        map50_95=float(found.box.map),
        precision=float(found.box.mp),
        recall=float(found.box.mr),
        per_class=_per_class(found, names),
        pr_curve=_curves(found, names),
        confusion=np.asarray(found.confusion_matrix.matrix, dtype=int),
    )


def _per_class(found: Any, names: list[str]) -> pd.DataFrame:
    """One row for each class of the model; ultralytics itself leaves out those that do not occur."""
    place = {int(number): row for row, number in enumerate(found.box.ap_class_index)}
    rows = []
    for number, name in enumerate(names):
        values = found.box.class_result(place[number]) if number in place else (np.nan,) * 4
        counts = int(found.nt_per_image[number]), int(found.nt_per_class[number])
        rows.append((name, *counts, *(float(value) for value in values)))
    return pd.DataFrame(rows, columns=["label", "images", "instances", "precision", "recall", "ap50", "ap50_95"])


def _curves(found: Any, names: list[str]) -> dict[str, np.ndarray]:
    curves = np.asarray(found.box.prec_values)
    if not curves.size:
        return {}
    chosen = np.linspace(0, curves.shape[1] - 1, CURVE_POINTS).astype(int)
    return {names[int(number)]: curves[row, chosen] for row, number in enumerate(found.box.ap_class_index)}
