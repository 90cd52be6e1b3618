"""Everything that FiftyOne and the plain files say about a project, as far as two equal projects say the same."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone.belonging import MARK
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.files.ledger import HOLDOUT
from labelloop.resources.project import Project
from labelloop.settings.yaml_file import CONFIG_NAME

IDS = ["task_id", "job_id", "shape_id"]  # the server's; a task that was made anew has others
SAME_BYTES = ("samples.parquet", "splits.parquet", "zcore.parquet", "schema.json", "source_labels.parquet")


def dump(folder: Path) -> dict[str, Any]:
    """What FiftyOne holds: samples with tags and labels, views, brain runs, evaluations, info."""
    now = Project(folder / CONFIG_NAME)
    dataset = LoopDataset.open(now.home, mongod.ensure(now.home), now.settings.name).dataset
    dataset.reload()
    plain = ["sample_id", "tags", "annotation_status", "zcore", *(f for f in _fields(dataset) if f.startswith("eval_"))]
    plain = [field for field in plain if dataset.has_field(field)]
    drawn = [field for field in _fields(dataset) if field == "human_labels" or field.startswith("predictions_")]
    samples: dict[str, dict] = {}
    for row in zip(*dataset.values(plain), strict=True):
        of = dict(zip(plain, row, strict=True))
        samples[of.pop("sample_id")] = of | {"tags": sorted(of["tags"])}
    for field in drawn:
        for sample_id, labels in zip(*dataset.values(["sample_id", field]), strict=True):
            samples[sample_id][field] = labels and sorted(
                (box.label, *(round(side, 5) for side in box.bounding_box)) for box in labels.detections
            )
    return {
        "samples": samples,
        "views": {name: len(dataset.load_saved_view(name)) for name in dataset.list_saved_views()},
        "brain": dataset.list_brain_runs(), "evaluations": sorted(dataset.list_evaluations()), "info": _info(dataset),
    }  # fmt: skip


def _info(dataset: Any) -> dict[str, Any]:
    """What is said of the data set, but for where its home lies."""
    mark = {key: value for key, value in dataset.info[MARK].items() if key != "media_root"}
    return {**dataset.info, MARK: mark}


def _fields(dataset: Any) -> list[str]:
    return sorted(dataset.get_field_schema())


def plain_files(folder: Path) -> dict[str, Any]:
    """What the plain files of a project say, without the server's ids and what a clock told."""
    now = Project(folder / CONFIG_NAME)
    root, ledger = now.home.root, now.ledger
    found: dict[str, Any] = {name: (root / name).read_bytes() for name in SAME_BYTES if (root / name).is_file()}
    found |= {f"embeddings/{path.name}": path.read_bytes() for path in sorted((root / "embeddings").glob("*"))}
    for name in (HOLDOUT, *ledger.iterations()):
        found |= {f"{kind}/{name}": ledger.read_or_none(kind, name) for kind in ("batches", "selections", "models")}
        found[f"tasks/{name}"] = _tasks(ledger.read_or_none("tasks", name))
        if ledger.has_labels(name):
            found[f"labels/{name}"] = _labels(ledger.label_version(name))
        verdict, report = ledger.read_or_none("verdicts", name), ledger.read_or_none("reports", name)
        found[f"verdicts/{name}"] = verdict and verdict["findings"]
        if report:
            told = {key: value for key, value in report.items() if key not in ("seconds", "revision", "holdout")}
            found[f"reports/{name}"] = told | {"predictions": ledger.predictions(name).to_dict("records")}
    found["models"] = sorted(path.relative_to(root).as_posix() for path in (root / "models").rglob("*"))
    found["left over"] = sorted(path.relative_to(root).as_posix() for path in root.rglob(".*.partial"))
    return json.loads(json.dumps(found, default=str))


def _tasks(sent: dict | None) -> list[dict] | None:
    return sent and [{key: task[key] for key in ("key", "subset", "frames")} for task in sent["tasks"]]


def _labels(version: Any) -> dict[str, Any]:
    def without(frame: pd.DataFrame) -> list[dict]:
        rows = frame.drop(columns=[name for name in IDS if name in frame]).to_dict("records")
        return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))

    sets = {name: sorted(getattr(version, name)) for name in ("reviewed", "incomplete")}
    return {"boxes": without(version.boxes), "census": without(version.census), **sets}
