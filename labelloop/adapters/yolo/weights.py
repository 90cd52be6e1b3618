"""Weights: where they come from, what they are, and how they are made fit to be kept."""

import hashlib
import http.client
import logging
import re
import shutil
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

import labelloop
from labelloop.adapters.files.atomic import replacing, write_bytes
from labelloop.adapters.yolo.environment import prepare, quiet
from labelloop.core.errors import ModelError

PACKAGED = {"labelloop:digits": Path(labelloop.__file__).parent / "sandbox" / "digits-base.pt"}
OFFICIAL = re.compile(r"yolo(v8|v9|v10|11|12|26)[a-z]\.pt")
RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.4.0"

REMEDY = (
    "Name a checkpoint (.pt) that is on this machine (for example yolo11n.pt from the Ultralytics releases), "
    "a model YAML such as yolov8n.yaml, or labelloop:digits."
)


def resolve_weights(wanted: str, folder: Path, key: str = "train.weights") -> Path | str:
    """The file or model name that `train.weights`, or another key, means.

    A checkpoint is a pickle, and loading one runs what is in it: only the very file that the user named is taken.
    The bare name of an official model, which is not on this machine yet, is fetched once into `folder`.

    Args:
        wanted: `labelloop:digits`, a path to a checkpoint (.pt), a model YAML, or an official name like yolo11n.pt.
        folder: Relative paths start here.
        key: The key of labelloop.yaml that wants it.

    Raises:
        ModelError: If there is no such file, and it cannot be fetched either.
    """
    if wanted in PACKAGED:
        return PACKAGED[wanted]
    path = (folder / wanted).expanduser()
    if path.is_file():
        return path.resolve()
    if wanted.endswith((".yaml", ".yml")) and "/" not in wanted:
        return wanted  # an architecture of ultralytics, trained from scratch
    if OFFICIAL.fullmatch(wanted):
        _fetch(wanted, path)
        return path.resolve()
    raise ModelError(f"{key}: {path} does not exist", REMEDY)


def is_to_be_fetched(wanted: str, folder: Path) -> bool:
    """Whether `resolve_weights` would ask the network for these weights."""
    return OFFICIAL.fullmatch(wanted) is not None and not (folder / wanted).is_file()


def describe(start: str, settings: str) -> dict[str, Any]:
    """What weights hold: `classes` and the number of `parameters`; ultralytics keeps its settings in a folder.

    Raises:
        ModelError: As `load` does.
    """
    prepare(Path(settings))
    model = load(start)
    return {"classes": len(model.names), "parameters": sum(each.numel() for each in model.model.parameters())}


def fingerprint(start: Path | str) -> str:
    """What weights are, wherever they lie: a hash of the file, or the name of an architecture."""
    path = Path(start)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else str(start)


def load(start: Path | str) -> Any:
    """A YOLO detector from a checkpoint or an architecture.

    Raises:
        ModelError: If the file is missing, damaged or holds something else.
    """
    if str(start).endswith(".pt") and not Path(start).is_file():  # ultralytics would look for it on the network
        raise ModelError(f"{start} does not exist", REMEDY)
    quiet()
    from ultralytics import YOLO

    try:
        model = YOLO(str(start), verbose=False)
    except Exception as error:
        raise ModelError(f"{start} cannot be loaded as a YOLO model: {error}", "Name another checkpoint.") from error
    if model.task != "detect":
        raise ModelError(f"{start} is a model for '{model.task}', not for boxes", "Name a detection model.")
    return model


def class_names(
    model: Any, classes: Sequence[str], weights: Path, renamed: Mapping[str, str] | None = None
) -> list[str]:
    """Today's names of a model's classes; the schema may have grown since it was trained, and names may have changed.

    Raises:
        ModelError: If they are not how the schema begins.
    """
    learnt = [model.names[number] for number in sorted(model.names)]
    names = [(renamed or {}).get(name, name) for name in learnt]
    if names != list(classes[: len(names)]):
        raise ModelError(
            f"{weights} knows the classes {', '.join(names)}, the schema has {', '.join(classes)}",
            "Train a model with label_loop, or name weights that fit.",
        )
    return names


def publish(checkpoint: Path, target: Path) -> None:
    """Write a checkpoint without optimiser, dates and paths: only the model, in half precision, under `target`."""
    import torch

    kept = torch.load(checkpoint, map_location="cpu", weights_only=False)
    model = (kept.get("ema") or kept["model"]).half()
    arguments = model.args if isinstance(model.args, dict) else vars(model.args)
    model.args = {key: arguments[key] for key in ("imgsz", "task") if key in arguments}
    model.yaml.pop("yaml_file", None)
    vars(model).pop("pt_path", None)  # where its start lay; the next training takes the hash of this file as its own
    model.criterion = None
    for parameter in model.parameters():
        parameter.requires_grad = False
    origin = {key: kept[key] for key in ("version", "license") if key in kept}
    with replacing(target) as file:
        torch.save({"model": model, "train_args": dict(model.args), **origin}, file)


def write_narrow_architecture(target: Path, *, like: str, width: float, classes: int) -> None:
    """Write the YAML of an architecture of ultralytics with its layers narrowed to `width` times the full size."""
    quiet()
    from ultralytics.nn.tasks import yaml_model_load

    content = yaml_model_load(like)
    depth, _, channels = content["scales"][content.pop("scale")]
    content.pop("yaml_file")
    content |= {"nc": classes, "scales": {"n": [depth, width, channels]}}
    write_bytes(target, yaml.safe_dump(content, sort_keys=False).encode())


def _fetch(name: str, target: Path) -> None:
    """Download an official checkpoint, whole or not at all."""
    url = f"{RELEASE}/{name}"
    logging.getLogger(__name__).info("fetching %s", url)
    try:
        with urllib.request.urlopen(url, timeout=30) as answer, replacing(target) as file:  # noqa: S310  https, fixed
            shutil.copyfileobj(answer, file)
    except (OSError, http.client.HTTPException) as error:
        raise ModelError(f"{name} is not in {target.parent} and {url} cannot be fetched: {error}", REMEDY) from error
