"""The result of a replay as Markdown, for people."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

HEADER = "| strategy | verdict | gain in mAP50 | 95 % interval | noise floor | gain in mAP50-95 | boxes drawn | seeds |"


def as_markdown(result: Mapping[str, Any]) -> str:
    """The verdicts, the curves behind them, and the rule."""
    images = ", ".join(f"{count} {name}" for name, count in result["images"].items())
    parts = [
        f"Source: {', '.join(result['source'])} ({images}); measured on {result['measured_on']}; "
        f"{result['seeds']} seeds; labels {', '.join(map(str, result['labels']))}.",
        "\n".join([HEADER, "|---|---|---|---|---|---|---|---|", *_verdicts(result)]),
        _curves(result),
        f"Rule: {result['rule']}",
    ]
    return "\n\n".join(parts) + "\n"


def _verdicts(result: Mapping[str, Any]) -> list[str]:
    finer = {each["arm"]: each for each in result["comparisons_map50_95"]}
    boxes = _boxes(result)
    rows = []
    for each in result["comparisons"]:
        other = finer[each["arm"]]
        rows.append(
            f"| {each['arm']} | {each['verdict']} | {each['gain']:+.4f} | {each['low']:+.4f} to {each['high']:+.4f} "
            f"| {each['floor']:.4f} | {other['gain']:+.4f} ({other['low']:+.4f} to {other['high']:+.4f}) "
            f"| {boxes.get(each['arm'], 0):.0f} | {each['seeds']} |"
        )
    return rows


def _curves(result: Mapping[str, Any]) -> str:
    """Mean and standard deviation of mAP50 at each number of labels."""
    labels = result["labels"]
    lines = [
        f"| mAP50 (± deviation over seeds) | {' | '.join(f'{each} labels' for each in labels)} | boxes drawn |",
        "|---" * (len(labels) + 2) + "|",
    ]
    points, boxes = pd.DataFrame(result["points"], columns=["arm", "seed", "labels", "map50"]), _boxes(result)
    for arm in result["arms"]:
        own = points[points["arm"] == arm].groupby("labels")["map50"].agg(["mean", "std"])
        cells = [f"{own.loc[at, 'mean']:.3f} ± {own.loc[at, 'std']:.3f}" if at in own.index else "" for at in labels]
        lines.append(f"| {arm} | {' | '.join(cells)} | {boxes.get(arm, 0):.0f} |")
    return "\n".join(lines)


def _boxes(result: Mapping[str, Any]) -> dict[str, float]:
    """Mean number of boxes at the last number of labels: what an arm asks of people besides images."""
    points = pd.DataFrame(result["points"], columns=["arm", "labels", "boxes"])
    means = points[points["labels"] == result["labels"][-1]].groupby("arm")["boxes"].mean()
    return {str(arm): float(mean) for arm, mean in means.items()}
