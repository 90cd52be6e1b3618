"""Small pictures of training and evaluation, for the page of an asset."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from labelloop.adapters.yolo.evaluation import DetectionMetrics

DPI = 80


def pr_curve_png(metrics: DetectionMetrics) -> bytes:
    """Precision over recall, a line for each class that occurs."""
    figure, axes = _canvas(5.2, 3.6)
    for label, precision in metrics.pr_curve.items():
        ap50 = metrics.per_class.set_index("label").loc[label, "ap50"]
        axes.plot(np.linspace(0, 1, len(precision)), precision, label=f"{label} {ap50:.2f}", linewidth=1.6)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=f"mAP50 {metrics.map50:.3f}")
    if metrics.pr_curve:
        axes.legend(frameon=False, fontsize=8, loc="lower left")
    return _png(figure)


def confusion_png(metrics: DetectionMetrics) -> bytes:
    """Which class is taken for which, columns (true) summing to 1."""
    labels = [*metrics.per_class["label"], "background"]
    counts = metrics.confusion
    shares = counts / np.maximum(counts.sum(axis=0, keepdims=True), 1)
    figure, axes = _canvas(1.8 + 0.55 * len(labels), 1.4 + 0.5 * len(labels))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)
    ticks = range(len(labels))
    axes.set_xticks(ticks, labels, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(ticks, labels, fontsize=8)
    axes.set(xlabel="true", ylabel="predicted")
    return _png(figure)


def loss_curve_png(losses: Sequence[dict[str, float]]) -> bytes:
    """Training losses over epochs."""
    figure, axes = _canvas(5.2, 3.0)
    for name in [key for key in (losses[0] if losses else {}) if key != "epoch"]:
        points = [(record["epoch"], record[name]) for record in losses if name in record]
        axes.plot(*zip(*points, strict=True), label=name, linewidth=1.6)
    axes.set(xlabel="epoch", ylabel="loss")
    if losses:
        axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def _canvas(width: float, height: float) -> tuple[Any, Any]:
    """A figure without pyplot, whose global state would outlive the asset."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    return figure, axes


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()
