"""Ultralytics as a library: it installs nothing, reports nothing, and keeps its settings in the home."""

import os
from pathlib import Path


def prepare(folder: Path) -> None:
    """Set what ultralytics reads at import; to be called before its first import."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        YOLO_AUTOINSTALL="false",
        YOLO_CONFIG_DIR=str(folder),
        YOLO_VERBOSE="false",
        MPLCONFIGDIR=str(folder / "matplotlib"),
        # On shared cores waiting threads should sleep, not spin.
        OMP_WAIT_POLICY=os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
    )


def quiet() -> None:
    """Switch off what ultralytics would send or write elsewhere; imports ultralytics."""
    from ultralytics import settings

    settings.update(
        {name: False for name in ("sync", "tensorboard", "wandb", "mlflow", "comet", "clearml", "neptune", "dvc",
                                  "raytune", "hub") if name in settings}
    )  # fmt: skip


def pick_device(wanted: str) -> str:
    """Device for ultralytics: `auto` takes a GPU where there is one."""
    if wanted != "auto":
        return wanted
    import torch

    if torch.cuda.is_available():
        return "0"
    return "mps" if torch.backends.mps.is_available() else "cpu"
