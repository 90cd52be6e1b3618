"""Training that can be killed at any moment and goes on when it is started again."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelloop.adapters.files.atomic import write_json
from labelloop.adapters.yolo.environment import pick_device, quiet
from labelloop.adapters.yolo.weights import load
from labelloop.core.errors import ModelError

OnEpoch = Callable[[int, int, dict[str, float]], None]


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


@dataclass(frozen=True)
class TrainOutcome:
    """What a training gave.

    Attributes:
        weights: The last checkpoint. Not the "best": val would pick the weights that it scores afterwards.
        epochs: Epochs in all.
        seconds: Of this process.
        resumed: Whether an interrupted run went on.
        losses: One record for each epoch: epoch, box, cls, dfl.
    """

    weights: Path
    epochs: int
    seconds: float
    resumed: bool
    losses: list[dict[str, float]]


def train(request: TrainRequest, *, on_epoch: OnEpoch) -> TrainOutcome:
    """Train, or go on with a training that was interrupted.

    Raises:
        ModelError: If the weights to start from cannot be loaded, or nothing came out.
    """
    quiet()
    started = time.monotonic()
    last = request.folder / "weights" / "last.pt"
    resumed = _resumable(last)
    if not resumed:
        shutil.rmtree(request.folder, ignore_errors=True)
    model: Any = load(last if resumed else request.start)
    history = _History(request.folder / "losses.json", request.epochs, on_epoch)
    model.add_callback("on_train_epoch_end", history.note)
    model.train(**({"resume": True} if resumed else _arguments(request)))
    if not last.is_file():
        raise ModelError(f"The training in {request.folder} left no weights", "Look at its log, and run it again.")
    return TrainOutcome(last, request.epochs, time.monotonic() - started, resumed, history.records)


def _arguments(request: TrainRequest) -> dict[str, Any]:
    """Settings that suit small data: a step for each minibatch, no mosaic, no validation while training."""
    device = pick_device(request.device)
    return {
        "data": str(request.data), "project": str(request.folder.parent), "name": request.folder.name,
        "exist_ok": True, "epochs": request.epochs, "imgsz": request.imgsz, "batch": request.batch,
        "nbs": request.batch, "mosaic": request.mosaic, "fliplr": request.fliplr, "seed": request.seed,
        "device": device, "amp": False, "workers": request.workers, "patience": 0, "val": False, "plots": False,
        "cache": False if request.cache == "none" else request.cache, "deterministic": True, "verbose": False,
    }  # fmt: skip


def _resumable(last: Path) -> bool:
    """Whether an interrupted run left a checkpoint that can be read and is not yet the final one."""
    if not last.is_file():
        return False
    import torch

    try:
        state = torch.load(last, map_location="cpu", weights_only=False)
    except Exception:  # noqa: BLE001  a checkpoint cut off in the middle raises anything; then the run starts anew
        return False
    return isinstance(state, dict) and state.get("optimizer") is not None and state.get("epoch", -1) >= 0


class _History:
    """Losses by epoch, on disk, so that a resumed run has those of before."""

    def __init__(self, path: Path, epochs: int, on_epoch: OnEpoch) -> None:
        self._path, self._epochs, self._on_epoch = path, epochs, on_epoch
        self.records: list[dict[str, float]] = json.loads(path.read_text("utf-8")) if path.is_file() else []

    def note(self, trainer: Any) -> None:
        """Callback of ultralytics at the end of an epoch."""
        epoch = trainer.epoch + 1
        items = trainer.label_loss_items(trainer.tloss, prefix="")
        losses = {str(name).strip("/").removesuffix("_loss"): round(float(value), 5) for name, value in items.items()}
        self.records = [record for record in self.records if record["epoch"] < epoch] + [{"epoch": epoch, **losses}]
        write_json(self._path, self.records)
        self._on_epoch(epoch, self._epochs, losses)
