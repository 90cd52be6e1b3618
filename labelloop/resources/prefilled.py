"""Boxes of an earlier model, drawn in the tasks of a batch before people begin, and what people made of them.

Each prediction of the batch ends up written, refused (it could not be a label) or withheld (somebody had begun its
job already), and is counted: proposed = written + refused + withheld.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from labelloop.adapters.cvat import prefill, projects
from labelloop.core.acceptance import COLUMNS, Comparison, came_back, compare
from labelloop.core.annotation import TaskContent
from labelloop.core.bad_boxes import bad_boxes
from labelloop.core.boxes import CORNERS
from labelloop.core.errors import LabelError
from labelloop.core.vocabulary import HELD_OUT, Source, iteration_number
from labelloop.resources import app
from labelloop.resources.cvat import CvatResource, Log
from labelloop.resources.detector import DetectorResource
from labelloop.resources.project import Project
from labelloop.resources.tables import counts, table

FOLDER = "prefill"  # predictions on the images of a batch; those on val are elsewhere
WRITTEN, WITHHELD = "written", "withheld: its job was begun"
DIGITS = 2  # of a pixel
ROW = [*COLUMNS, "score", "task_id", "job_id", "outcome"]


@dataclass(frozen=True)
class _Destination:
    """Where boxes are drawn: label ids, and the attributes that take a score."""

    label_ids: dict[str, int]
    specs: dict[str, dict[str, Any]]


def propose(now: Project, detector: DetectorResource, batch: str, log: Log) -> None:
    """Predict on the images of a batch, once for all time, when pre-annotation is on and an earlier model is there.

    Hidden golden images stay blank, for they are annotated blind, and so does whatever else is held out.
    """
    model_of = _newest_model(now, batch)
    if now.settings.annotation.prefill == "none" or model_of is None or app.is_in_app(now, batch):
        return
    if now.ledger.read_or_none("prefilled", batch) is not None or now.ledger.has_labels(batch):
        return
    model, confidence = now.ledger.read("models", model_of)["model"], now.settings.annotation.prefill_confidence
    found = detector.predict(now, model, _images(now, batch), log, confidence=confidence)
    found[CORNERS] = found[CORNERS].astype(float).round(DIGITS)
    now.ledger.save_predictions(batch, found, FOLDER)
    record = {"model": model, "model_of": model_of, "confidence": confidence, "tasks": [], "rows": []}
    now.ledger.write("prefilled", batch, record)
    log(f"{batch}: the model of {model_of} proposes {len(found)} boxes")


def draw(now: Project, cvat: CvatResource, batch: str, log: Log) -> None:
    """Draw what was proposed in the tasks of a batch that were sent; doing it again goes on where it broke off."""
    record = now.ledger.read_or_none("prefilled", batch)
    if record is None or app.is_in_app(now, batch):
        return
    sent = now.ledger.read("tasks", batch)
    ids = {task["task_id"] for task in sent["tasks"]}
    # Tasks that were deleted in CVAT and sent anew are filled anew.
    record |= {"tasks": [task_id for task_id in record["tasks"] if task_id in ids]}
    record |= {"rows": [row for row in record["rows"] if row["task_id"] in ids]}
    server = cvat.server(now)
    specs = prefill.score_specs(server, sent["project_id"])
    there = _Destination(dict(projects.find_project(server, sent["project_id"]).label_ids), specs)
    proposed = _proposed(now, batch)
    for task in sent["tasks"]:
        if task["task_id"] not in record["tasks"]:
            rows = _draw_in(now, cvat, task, proposed, there)
            record |= {"tasks": [*record["tasks"], task["task_id"]], "rows": [*record["rows"], *rows]}
            now.ledger.write("prefilled", batch, record)
    log(f"{batch}: proposed boxes " + ", ".join(f"{what} {count}" for what, count in _outcomes(record["rows"]).items()))


def is_pending(now: Project, batch: str) -> bool:
    """Whether a batch was sent without all that is to be drawn in its tasks: a run broke off in between."""
    record, sent = now.ledger.read_or_none("prefilled", batch), now.ledger.read_or_none("tasks", batch)
    if record is None or sent is None or app.is_in_app(now, batch):
        return False
    return not {task["task_id"] for task in sent["tasks"]} <= set(record["tasks"])


def comparison(
    now: Project, batch: str, contents: Sequence[TaskContent], sample_of: dict[str, str]
) -> Comparison | None:
    """What people made of the boxes that were drawn beforehand; None where none were."""
    record = now.ledger.read_or_none("prefilled", batch)
    if record is None:
        return None
    schema = now.ledger.schema()
    sent = pd.DataFrame([row for row in record["rows"] if row["outcome"] == WRITTEN], columns=ROW)
    removed = {sample_of[frame.name] for content in contents for frame in content.frames if frame.deleted}
    sent = sent.assign(label=sent["label"].map(schema.current))[COLUMNS].astype(dict.fromkeys(CORNERS, "float64"))
    back = came_back(contents, sample_of, schema.current)
    # What people drew on images that stayed blank says nothing about the model.
    return compare(sent, back[back["sample_id"].isin(_images(now, batch))], removed)


def told_of_sending(now: Project, batch: str) -> dict[str, Any]:
    """What was drawn beforehand, as metadata of the batch."""
    record = now.ledger.read_or_none("prefilled", batch)
    if record is None:
        return {}
    return {
        "pre-annotated by": f"the model of {record['model_of']} ({record['model']}), from {record['confidence']} on",
        "boxes drawn beforehand": _outcomes(record["rows"]).get(WRITTEN, 0),
        "proposed boxes": counts(_outcomes(record["rows"]), "outcome"),
    }


def told_of_taking(now: Project, found: Comparison | None) -> dict[str, Any]:
    """How much of it people kept, as metadata of the labels; figures that Dagster plots over iterations."""
    if found is None:
        return {}
    return {
        "acceptance rate": round(found.acceptance, 4),
        "share of boxes nobody had to draw": round(found.not_drawn, 4),
        "pre-annotations by class": table(found.by_class(now.ledger.schema().classes)),
    }


def _newest_model(now: Project, batch: str) -> str | None:
    """The newest iteration before this one that has a model."""
    before = [it for it in now.ledger.iterations() if iteration_number(it) < iteration_number(batch)]
    return next((it for it in reversed(before) if now.ledger.read_or_none("models", it) is not None), None)


def _images(now: Project, batch: str) -> list[str]:
    manifest, held_out = now.ledger.manifest(batch), set(now.ledger.in_split(*HELD_OUT))
    own = manifest.loc[manifest["source"] != Source.GOLDEN, "sample_id"]
    return [sample_id for sample_id in own if sample_id not in held_out]


def _proposed(now: Project, batch: str) -> pd.DataFrame:
    """What was predicted, with the reason to refuse it, empty where there is none."""
    found = now.ledger.predictions(batch, FOLDER)
    sizes = {row.sample_id: (row.width, row.height) for row in now.ledger.samples().itertuples()}
    return found.assign(refused=bad_boxes(found, sizes)["reason"].reindex(found.index, fill_value=""))


def _draw_in(
    now: Project, cvat: CvatResource, task: dict[str, Any], proposed: pd.DataFrame, there: _Destination
) -> list[dict[str, Any]]:
    """Draw in one task; what became of each of its boxes."""
    own = proposed[proposed["sample_id"].isin(task["frames"].values())]
    unknown = ~own["label"].isin(there.label_ids)
    own = own.assign(refused=own["refused"].mask(unknown & (own["refused"] == ""), "class not in the CVAT project"))
    fit = own[own["refused"] == ""]
    frame_of = {sample_id: name for name, sample_id in task["frames"].items()}
    groups = {frame_of[str(sample_id)]: rows for sample_id, rows in fit.groupby("sample_id")}
    shapes = {name: prefill.proposals(rows.itertuples(), there.label_ids, there.specs) for name, rows in groups.items()}
    rows = [_row(box, task, None, None, box.refused) for box in own[own["refused"] != ""].itertuples()]
    left = {name: iter(list(boxes.itertuples())) for name, boxes in groups.items()}
    for job in prefill.fill(cvat.server(now), task["task_id"], shapes):
        outcome = WRITTEN if job.is_ours else WITHHELD
        for name, shape_id in zip(job.names, job.shape_ids(), strict=True):
            rows.append(_row(next(left[name]), task, job.job_id, shape_id, outcome))
    if len(rows) != len(own):
        raise LabelError(
            f"{len(own)} boxes were proposed for task {task['task_id']}, but {len(rows)} written, refused or withheld",
            "Was a job taken away in CVAT? Run the step again when it is back.",
        )
    return rows


def _row(box: Any, task: dict[str, Any], job_id: int | None, shape_id: int | None, outcome: str) -> dict[str, Any]:
    corners = {name: float(getattr(box, name)) for name in CORNERS}
    return {
        "sample_id": box.sample_id, "shape_id": shape_id, "label": box.label, **corners, "score": float(box.score),
        "task_id": task["task_id"], "job_id": job_id, "outcome": outcome,
    }  # fmt: skip


def _outcomes(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    return dict(sorted(Counter(row["outcome"] for row in rows).items()))
