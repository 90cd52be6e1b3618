import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from labelloop.adapters.yolo.evaluation import CURVE_POINTS, DetectionMetrics
from labelloop.adapters.yolo.pictures import confusion_png, loss_curve_png, pr_curve_png

LARGEST = 60_000  # bytes; pictures lie in the event log


def metrics_of(count: int, absent: int = 0) -> DetectionMetrics:
    names = [f"class {number}" for number in range(count)]
    ap50 = np.where(np.arange(count) < count - absent, np.linspace(0.9, 0.2, count), np.nan)
    table = pd.DataFrame({"label": names, "images": 9, "instances": 9, "ap50": ap50, "ap50_95": ap50 / 2})
    curves = {name: np.linspace(1, 0, CURVE_POINTS) for name in names[: count - absent]}
    confusion = np.random.default_rng(0).integers(0, 9, (count + 1, count + 1))
    return DetectionMetrics(0.5, 0.3, 0.6, 0.4, table.assign(precision=0.5, recall=0.5), curves, confusion)


def size_of(png: bytes) -> tuple[int, int]:
    assert len(png) < LARGEST
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return image.size


@pytest.mark.parametrize(("count", "absent"), [(1, 0), (5, 2), (3, 3), (80, 10)])
def test_evaluation_pictures_are_small_for_any_number_of_classes(count: int, absent: int) -> None:
    metrics = metrics_of(count, absent)
    assert max(*size_of(pr_curve_png(metrics)), *size_of(confusion_png(metrics))) <= 1200


@pytest.mark.parametrize("epochs", [0, 1, 300])
def test_loss_curves_are_small_for_any_number_of_epochs(epochs: int) -> None:
    losses = [{"epoch": epoch, "box": 1 / epoch, "cls": 2 / epoch} for epoch in range(1, epochs + 1)]
    assert size_of(loss_curve_png(losses))[0] < 600


def test_a_loss_that_came_later_is_drawn_where_it_is() -> None:
    size_of(loss_curve_png([{"epoch": 1, "box": 1.0, "cls": 2.0}, {"epoch": 2, "box": 0.5}]))
