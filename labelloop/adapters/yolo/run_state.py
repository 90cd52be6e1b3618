"""What a training left in its folder, however it ended: nothing, half of it, or a model."""

import hashlib
import json
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

from labelloop.adapters.files.atomic import write_json

OnEpoch = Callable[[int, int, dict[str, float]], None]


class Stage(Enum):
    """How far a checkpoint is."""

    UNUSABLE = "missing, cut off, or something else"
    INTERRUPTED = "can be gone on with"
    TRAINED = "has all its epochs"


def stage_of(checkpoint: Path, epochs: int) -> Stage:
    """How far the training behind a checkpoint came.

    Ultralytics writes it in place, so a kill may cut it off. When all epochs are done it takes the optimiser out and
    sets the epoch to -1; killed just before that, the epoch is the last one and there is nothing left to resume.
    """
    if not checkpoint.is_file():
        return Stage.UNUSABLE
    import torch

    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=False)
    except Exception:  # noqa: BLE001  a file cut off in the middle raises anything; then the training starts anew
        return Stage.UNUSABLE
    if not isinstance(state, dict) or not (state.get("ema") or state.get("model")):
        return Stage.UNUSABLE
    epoch = state.get("epoch", -1)
    if epoch < 0 or epoch >= epochs - 1:
        return Stage.TRAINED
    return Stage.UNUSABLE if state.get("optimizer") is None else Stage.INTERRUPTED


def labels_hash(data: Path) -> str:
    """Hash of the labels and image names that a layout trains on; where it lies does not matter."""
    digest = hashlib.sha256()
    for path in sorted((data.parent / "labels" / "train").glob("*.txt")):
        digest.update(f"{path.name}\n{path.read_text(encoding='utf-8')}\n".encode())
    return digest.hexdigest()[:16]


class History:
    """Losses by epoch, on disk, so that a training that goes on has those of before."""

    def __init__(self, path: Path, epochs: int, on_epoch: OnEpoch) -> None:
        self._path, self._epochs, self._on_epoch = path, epochs, on_epoch
        self.records: list[dict[str, float]] = json.loads(path.read_text("utf-8")) if path.is_file() else []

    def note(self, trainer: Any) -> None:
        """Callback of ultralytics at the end of an epoch, which may be one repeated after a kill."""
        epoch = trainer.epoch + 1
        items = trainer.label_loss_items(trainer.tloss, prefix="")
        losses = {str(name).strip("/").removesuffix("_loss"): round(float(value), 5) for name, value in items.items()}
        self.records = [record for record in self.records if record["epoch"] < epoch] + [{"epoch": epoch, **losses}]
        write_json(self._path, self.records)
        self._on_epoch(epoch, self._epochs, losses)
