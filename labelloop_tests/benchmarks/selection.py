"""Does choosing help? `python -m labelloop_tests.benchmarks.selection digits|bccd FOLDER [options of the command]`.

`python -m labelloop_tests.benchmarks.selection judge` writes all kept results anew, by the rule of now.

Makes the project in FOLDER where it is missing and runs `labelloop benchmark` on it, which goes on where it was killed;
`--only-tables` writes what is there so far. The small results are copied to `results/`. BCCD and the weights it starts
from are outside data: LABELLOOP_TEST_DATA names the folder of `bccd`, LABELLOOP_TEST_WEIGHTS that of the checkpoint.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from labelloop.core.replay_table import as_markdown
from labelloop.resources.replay_result import judged
from labelloop.sandbox.scenes import write_scenes

RESULTS = Path(__file__).with_name("results")
DIGITS = (
    "zcore,k_center,typiclust,entropy,margin,hybrid,hybrid+class_balanced",
    "5",
    "40,80,120",
)
BCCD = ("zcore,entropy,hybrid", "3", "20,40,60")
WEIGHTS = "yolov5n-v6.0-coco-trunk.pt"


def digits(folder: Path) -> dict[str, Any]:
    """700 scenes: 420 in the pool, 80 in val, 200 in test."""
    write_scenes(folder / "scenes", count=700, seed=2026)
    return {
        "name": "digits",
        "source": {"type": "voc", "path": "scenes"},
        "splits": {"val": 80, "golden": 0, "test": 200},
        "train": {
            "weights": "labelloop:digits", "imgsz": 160, "epochs_first": 12, "epochs": 4, "batch": 16, "fliplr": 0.0,
            "device": "cpu",
        },
    }  # fmt: skip


def bccd(_: Path) -> dict[str, Any]:
    """364 blood-cell photographs with the published splits."""
    return {
        "name": "bccd",
        "source": {"type": "voc", "path": str(Path(os.environ["LABELLOOP_TEST_DATA"]) / "bccd")},
        "train": {
            "weights": str(Path(os.environ["LABELLOOP_TEST_WEIGHTS"]) / WEIGHTS), "imgsz": 256, "epochs_first": 12,
            "epochs": 8, "batch": 8, "device": "cpu",
        },
    }  # fmt: skip


def replay_of(config: dict[str, Any], folder: Path, options: list[str]) -> None:
    """Run `labelloop benchmark` on a project in a folder."""
    (folder / "labelloop.yaml").write_text(yaml.safe_dump(config))
    command = ["labelloop", "benchmark", "--config", str(folder / "labelloop.yaml"), "--out", str(folder / "out")]
    subprocess.run([*command, *options], check=True)


def keep_results(folder: Path, name: str) -> None:
    """Copy the small results of a folder."""
    for kind in ("table.md", "result.json"):
        text = (folder / "out" / kind).read_text(encoding="utf-8")
        if kind == "result.json":  # its points are many: a line is enough for all that is small
            text = _line(json.loads(text))
        (RESULTS / f"{name}.{kind.rpartition('.')[2]}").write_text(text, encoding="utf-8")


def judge_anew() -> None:
    """Write the kept results as their points are judged by the rule of now."""
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        result |= judged(pd.DataFrame(result["points"]), result["labels"])
        path.write_text(_line(result), encoding="utf-8")
        path.with_suffix(".md").write_text(as_markdown(result), encoding="utf-8")


def _line(result: dict[str, Any]) -> str:
    return json.dumps(result, sort_keys=True) + "\n"


def measure() -> None:
    """Run one of them and keep its results."""
    name, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    config, (strategies, seeds, budget) = {"digits": (digits, DIGITS), "bccd": (bccd, BCCD)}[name]
    folder.mkdir(parents=True, exist_ok=True)
    asked = ["--strategies", strategies, "--seeds", seeds, "--budget", budget]
    replay_of(config(folder), folder, [*asked, *sys.argv[3:]])
    keep_results(folder, name)


if __name__ == "__main__":
    judge_anew() if sys.argv[1:] == ["judge"] else measure()
