"""Learning curves of a replay as a picture: mAP against labels, each arm with a band."""

import io
from typing import Any

import pandas as pd

DPI = 110


def replay_curves_png(points: pd.DataFrame, *random: str) -> bytes:
    """Mean mAP50 of each arm against labels, with a band of one standard deviation over seeds.

    Args:
        points: One row for each turn: arm, seed, labels, map50.
        random: Arms drawn in grey: what the others are compared with.
    """
    buffer = io.BytesIO()
    replay_curves(points, *random).savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def replay_curves(points: pd.DataFrame, *random: str) -> Any:
    """The same as a figure of matplotlib: of each arm a line, and in its color a band."""
    # Without pyplot, whose global state would outlive the call.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    greys = dict(zip(random, ("0.25", "0.6"), strict=False))
    for arm, own in points.groupby("arm"):
        curve = own.groupby("labels")["map50"].agg(["mean", "std"]).fillna(0.0)
        [line] = axes.plot(curve.index, curve["mean"], marker="o", markersize=3, linewidth=1.5, label=arm)
        if str(arm) in greys:
            line.set(color=greys[str(arm)], linestyle="--")
        band = (curve["mean"] - curve["std"], curve["mean"] + curve["std"])
        axes.fill_between(curve.index, *band, alpha=0.08, color=line.get_color(), linewidth=0)
    seeds = points["seed"].nunique()
    axes.set(xlabel="labelled images of the pool", ylabel="mAP50", title=f"{seeds} seeds, band: one deviation")
    axes.legend(frameon=False, fontsize=8)
    return figure
