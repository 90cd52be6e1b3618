"""Training that can be killed at any moment and goes on when it is started again."""

import json
import math
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labelloop.adapters.files.atomic import write_json
from labelloop.adapters.yolo.environment import pick_device
from labelloop.adapters.yolo.layout import read_classes, require_all_read
from labelloop.adapters.yolo.run_state import History, OnEpoch, Stage, labels_hash, stage_of
from labelloop.adapters.yolo.weights import fingerprint, load, publish
from labelloop.core.errors import ModelError

WEIGHTS, OUTCOME, REQUEST = "final.pt", "outcome.json", "request.json"


@dataclass(frozen=True)
class TrainRequest:
    """A training.

    Attributes:
        data: data.yaml of a layout.
        start: Checkpoint or architecture.
        folder: Where the run keeps its state; the same request in the same folder goes on.
        cache: `ram`, `disk` or `none`.
    """

    data: Path
    start: str
    folder: Path
    epochs: int
    imgsz: int
    batch: int
    seed: int
    device: str
    mosaic: float
    fliplr: float
    cache: str
    workers: int

    def identity(self) -> dict[str, Any]:
        """All that decides what the training gives; where files lie and what it runs on do not."""
        content = asdict(self)
        for name in ("data", "folder", "device", "cache", "workers"):
            del content[name]
        return content | {"start": fingerprint(self.start), "labels": labels_hash(self.data)}


@dataclass(frozen=True)
class TrainOutcome:
    """What a training gave.

    Attributes:
        weights: The model after its last epoch, without optimiser. Not the "best": val would pick what it scores.
        epochs: Epochs in all.
        seconds: Of the process that finished it.
        resumed: Whether an interrupted run went on.
        losses: One record for each epoch: epoch, box, cls, dfl.
        classes: Names of the classes, in the order of their ids.
    """

    weights: Path
    epochs: int
    seconds: float
    resumed: bool
    losses: list[dict[str, float]]
    classes: tuple[str, ...] = ()


def train(request: TrainRequest, *, on_epoch: OnEpoch) -> TrainOutcome:
    """Train, go on with a training that was interrupted, or give what a finished one gave.

    Args:
        request: What to train; another request in the same folder starts anew.
        on_epoch: Told the epoch, their number, and the losses after each epoch.

    Raises:
        ModelError: If the weights to start from cannot be loaded, an image cannot be read, or nothing came out.
    """
    started = time.monotonic()
    last = request.folder / "weights" / "last.pt"
    if not _same_request(request):
        shutil.rmtree(request.folder, ignore_errors=True)
        write_json(request.folder / REQUEST, request.identity())
    if (request.folder / OUTCOME).is_file():
        return _read_outcome(request.folder)
    history = History(request.folder / "losses.json", request.epochs, on_epoch)
    stage = stage_of(last, request.epochs)
    if stage is not Stage.TRAINED:
        _run(request, history, last if stage is Stage.INTERRUPTED else None)
    _require_model(last, history)
    publish(last, request.folder / WEIGHTS)
    return _write_outcome(
        TrainOutcome(
            weights=request.folder / WEIGHTS,
            epochs=request.epochs,
            seconds=time.monotonic() - started,
            resumed=stage is not Stage.UNUSABLE,
            losses=history.records,
            classes=tuple(read_classes(request.data)),
        )
    )


def _run(request: TrainRequest, history: History, interrupted: Path | None) -> None:
    model: Any = load(interrupted or request.start)
    model.add_callback(
        "on_train_start",
        lambda trainer: require_all_read(request.data, "train", trainer.train_loader.dataset.im_files),
    )
    model.add_callback("on_train_epoch_end", history.note)
    model.train(**_arguments(request), resume=interrupted is not None)


def _arguments(request: TrainRequest) -> dict[str, Any]:
    """Settings that suit small data: a step for each minibatch, no validation while training.

    Mixed precision stays off: to find out whether a GPU is fit for it, ultralytics downloads a model.
    """
    return {
        "data": str(request.data), "project": str(request.folder.parent), "name": request.folder.name,
        "save_dir": str(request.folder), "exist_ok": True, "epochs": request.epochs, "imgsz": request.imgsz,
        "batch": request.batch, "nbs": request.batch, "mosaic": request.mosaic, "fliplr": request.fliplr,
        "seed": request.seed, "device": pick_device(request.device), "amp": False, "workers": request.workers,
        "patience": 0, "val": False, "plots": False, "deterministic": True, "verbose": False,
        "cache": False if request.cache == "none" else request.cache,
    }  # fmt: skip


def _require_model(last: Path, history: History) -> None:
    if not last.is_file():
        raise ModelError(f"The training in {last.parents[1]} left no weights", "Look at its log, and run it again.")
    losses = history.records[-1] if history.records else {}
    if not all(math.isfinite(value) for value in losses.values()):
        raise ModelError(
            f"The training in {last.parents[1]} diverged: {losses}", "Check the labels, or train with other settings."
        )


def _same_request(request: TrainRequest) -> bool:
    path = request.folder / REQUEST
    return path.is_file() and json.loads(path.read_text(encoding="utf-8")) == request.identity()


def _write_outcome(outcome: TrainOutcome) -> TrainOutcome:
    """Written last: where it is, the training is finished."""
    content = asdict(outcome)
    del content["weights"]
    write_json(outcome.weights.with_name(OUTCOME), content)
    return outcome


def _read_outcome(folder: Path) -> TrainOutcome:
    content = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
    return TrainOutcome(weights=folder / WEIGHTS, **content | {"classes": tuple(content["classes"])})
