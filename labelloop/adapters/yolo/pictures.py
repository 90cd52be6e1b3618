"""Small pictures of training and evaluation, for the page of an asset."""

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from labelloop.adapters.yolo.evaluation import DetectionMetrics

DPI = 80
MOST_LEGENDS = 10  # lines named beside a curve; of more classes the worst are named, they are what one looks for
MOST_CELLS = 20  # rows up to which a confusion matrix names each, has numbers, and grows


def pr_curve_png(metrics: DetectionMetrics) -> bytes:
    """Precision over recall, a line for each class that occurs, the best first."""
    figure, axes = _canvas(5.2, 3.6)
    ap50 = metrics.per_class.set_index("label")["ap50"].dropna().sort_values(ascending=False, kind="stable")
    named = set(ap50.index[-MOST_LEGENDS:])
    for label, value in ap50.items():
        precision = metrics.pr_curve[str(label)]
        text = f"{label} {value:.2f}" if label in named else None
        axes.plot(np.linspace(0, 1, len(precision)), precision, label=text, linewidth=1.6)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=f"mAP50 {metrics.map50:.3f}")
    if named:
        axes.legend(frameon=False, fontsize=8, loc="lower left")
    return _png(figure)


def confusion_png(metrics: DetectionMetrics) -> bytes:
    """Which class is taken for which, columns (true) summing to 1."""
    labels, counts = metrics.confusion_labels, metrics.confusion
    shares = counts / np.maximum(counts.sum(axis=0, keepdims=True), 1)
    side = min(len(labels), MOST_CELLS)
    figure, axes = _canvas(1.8 + 0.55 * side, 1.4 + 0.5 * side)
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(labels) <= MOST_CELLS:
        _write_counts(axes, counts, shares)
    step = math.ceil(len(labels) / MOST_CELLS)
    axes.set_xticks(range(0, len(labels), step), labels[::step], rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(0, len(labels), step), labels[::step], fontsize=8)
    axes.set(xlabel="true", ylabel="predicted")
    return _png(figure)


def loss_curve_png(losses: Sequence[dict[str, float]]) -> bytes:
    """Training losses over epochs."""
    figure, axes = _canvas(5.2, 3.0)
    for name in [key for key in (losses[0] if losses else {}) if key != "epoch"]:
        points = [(record["epoch"], record[name]) for record in losses if name in record]
        axes.plot(*zip(*points, strict=True), label=name, linewidth=1.6, marker="o" if len(points) == 1 else None)
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if losses:
        axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def _write_counts(axes: Any, counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)


def _canvas(width: float, height: float) -> tuple[Any, Any]:
    """A figure without pyplot, whose global state would outlive the asset; sizes in inches."""
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
