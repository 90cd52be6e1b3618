"""How good a model is on labelled images, by ultralytics' own measure."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labelloop.adapters.yolo.environment import pick_device
from labelloop.adapters.yolo.layout import read_classes, require_all_read
from labelloop.adapters.yolo.weights import class_names, load

CURVE_POINTS = 101
BACKGROUND = "background"
# Which detections the confusion matrix counts. Average precision looks at far less certain ones as well.
CONFUSION_CONFIDENCE, CONFUSION_IOU = 0.25, 0.5


@dataclass(frozen=True, eq=False)
class DetectionMetrics:
    """Metrics of a detector.

    Attributes:
        map50: Mean average precision at IoU 0.5 over the classes that occur.
        map50_95: Mean over IoU 0.5 to 0.95.
        precision: At the confidence of the best F1.
        recall: At the same confidence.
        per_class: label, images, instances, precision, recall, ap50, ap50_95; NaN where a class does not occur.
        pr_curve: Precision at CURVE_POINTS recalls from 0 to 1, by class that occurs.
        confusion: (C + 1, C + 1) counts, predicted by true, in the order of `confusion_labels`.
        seconds: What the evaluation took.
    """

    map50: float
    map50_95: float
    precision: float
    recall: float
    per_class: pd.DataFrame
    pr_curve: dict[str, np.ndarray]
    confusion: np.ndarray
    seconds: float = 0.0

    @property
    def confusion_labels(self) -> list[str]:
        """Names of the rows and columns of `confusion`: the classes, then background."""
        return [*self.per_class["label"], BACKGROUND]

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


def evaluate(
    weights: Path, data: Path, *, imgsz: int, device: str, folder: Path, renamed: Mapping[str, str] | None = None
) -> DetectionMetrics:
    """Validate a model on the `val` part of a layout.

    Args:
        weights: Checkpoint; it may know fewer classes than the layout, and then misses the rest.
        data: data.yaml of the layout.
        imgsz: Side of the square image the network sees, in pixels.
        device: `auto`, `cpu`, `0`, …
        folder: For what ultralytics writes meanwhile.
        renamed: Today's name of a class by the one the model may have learnt.

    Raises:
        ModelError: If the model's classes are not those of the layout, or an image cannot be read.
    """
    started = time.monotonic()
    names = read_classes(data)
    model: Any = load(weights)
    class_names(model, names, weights, renamed)
    model.add_callback("on_val_start", lambda val: require_all_read(data, "val", val.dataloader.dataset.im_files))
    found = model.val(
        validator=_counting_validator(names), data=str(data), split="val", imgsz=imgsz, device=pick_device(device),
        batch=16, workers=0, plots=False, verbose=False, project=str(folder.parent), name=folder.name, exist_ok=True,
    )  # fmt: skip
    return DetectionMetrics(
        map50=float(found.box.map50),
        map50_95=float(found.box.map),
        precision=float(found.box.mp),
        recall=float(found.box.mr),
        per_class=_per_class(found, names),
        pr_curve=_curves(found, names),
        confusion=np.asarray(found.confusion_matrix.matrix, dtype=int),
        seconds=time.monotonic() - started,
    )


def _counting_validator(names: list[str]) -> type:
    """Ultralytics' validator, over all classes of the layout and with a confusion matrix.

    By itself it drops the labels of classes that the model does not know, and fills its confusion matrix only while
    drawing pictures, with detections of hardly any confidence.
    """
    from ultralytics.models.yolo.detect import DetectionValidator
    from ultralytics.utils.metrics import ConfusionMatrix

    class CountingValidator(DetectionValidator):  # type: ignore[misc]  # ultralytics is untyped
        def get_dataloader(self, dataset_path: str, batch_size: int) -> Any:
            self.names = dict(enumerate(names))  # what labels are held against; init_metrics names the model's classes
            return super().get_dataloader(dataset_path, batch_size)

        def init_metrics(self, model: Any) -> None:
            super().init_metrics(model)
            self.confusion_matrix = ConfusionMatrix(names=dict(enumerate(names)))

        def update_metrics(self, preds: list[dict[str, Any]], batch: dict[str, Any]) -> None:
            super().update_metrics(preds, batch)
            for row, detections in enumerate(preds):
                self.confusion_matrix.process_batch(
                    self._prepare_pred(detections),
                    self._prepare_batch(row, batch),
                    conf=CONFUSION_CONFIDENCE,
                    iou_thres=CONFUSION_IOU,
                )

    return CountingValidator


def _per_class(found: Any, names: list[str]) -> pd.DataFrame:
    """One row for each class of the layout; ultralytics itself leaves out those that do not occur."""
    place = {int(number): row for row, number in enumerate(found.box.ap_class_index)}
    images, instances = (_counts(counts, len(names)) for counts in (found.nt_per_image, found.nt_per_class))
    rows = []
    for number, name in enumerate(names):
        values = found.box.class_result(place[number]) if number in place else (np.nan,) * 4
        rows.append((name, images[number], instances[number], *(float(value) for value in values)))
    return pd.DataFrame(rows, columns=["label", "images", "instances", "precision", "recall", "ap50", "ap50_95"])


def _counts(found: np.ndarray, classes: int) -> list[int]:
    """Counts by class id, as long as there are classes; ultralytics counts as far as it met some."""
    return [int(count) for count in found] + [0] * (classes - len(found))


def _curves(found: Any, names: list[str]) -> dict[str, np.ndarray]:
    """Precision over recall of the classes that occur."""
    curves = np.asarray(found.box.prec_values)
    chosen = np.linspace(0, curves.shape[-1] - 1, CURVE_POINTS).astype(int)
    return {names[int(number)]: curves[row, chosen] for row, number in enumerate(found.box.ap_class_index)}
