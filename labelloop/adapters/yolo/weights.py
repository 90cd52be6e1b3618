"""Weights: where they come from, what they are, and how they are made fit to be kept."""

import hashlib
from pathlib import Path
from typing import Any

import labelloop
from labelloop.adapters.files.atomic import replacing
from labelloop.adapters.yolo.environment import quiet
from labelloop.core.errors import ModelError

PACKAGED = {"labelloop:digits": Path(labelloop.__file__).parent / "sandbox" / "digits-base.pt"}


def resolve_weights(wanted: str, folder: Path) -> Path | str:
    """The file or model name that `train.weights` means.

    A checkpoint is a pickle, and loading one runs what is in it: only the very file that the user named is taken.

    Args:
        wanted: `labelloop:digits`, a path to a checkpoint (.pt), or a model YAML.
        folder: Relative paths start here.

    Raises:
        ModelError: If there is no such file.
    """
    if wanted in PACKAGED:
        return PACKAGED[wanted]
    path = (folder / wanted).expanduser()
    if path.is_file():
        return path.resolve()
    if wanted.endswith((".yaml", ".yml")) and "/" not in wanted:
        return wanted  # an architecture of ultralytics, trained from scratch
    raise ModelError(
        f"train.weights: {path} does not exist",
        "Name a checkpoint (.pt) that is on this machine (for example yolo11n.pt from the Ultralytics releases), "
        "a model YAML such as yolov8n.yaml, or labelloop:digits.",
    )


def fingerprint(start: Path | str) -> str:
    """What weights are, wherever they lie: a hash of the file, or the name of an architecture."""
    if isinstance(start, str):
        return start
    return hashlib.sha256(start.read_bytes()).hexdigest()[:16]


def load(start: Path | str) -> Any:
    """A YOLO model from a checkpoint or an architecture.

    Raises:
        ModelError: If the file is damaged or holds something else.
    """
    quiet()
    from ultralytics import YOLO

    try:
        return YOLO(str(start), task="detect", verbose=False)
    except Exception as error:
        raise ModelError(f"{start} cannot be loaded as a YOLO model: {error}", "Name another checkpoint.") from error


def publish(checkpoint: Path, target: Path) -> None:
    """Write a checkpoint without optimiser, dates and paths: only the model, in half precision, under `target`."""
    import torch

    kept = torch.load(checkpoint, map_location="cpu", weights_only=False)
    model = kept.get("ema") or kept["model"]
    model = model.half()
    model.args = {key: model.args[key] for key in ("imgsz", "task") if key in model.args}
    model.yaml.pop("yaml_file", None)
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.criterion = None
    with replacing(target) as file:
        torch.save({"model": model, "train_args": dict(model.args)}, file)
