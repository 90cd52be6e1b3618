"""Ultralytics as a library: it installs nothing, downloads nothing by itself, reports nothing."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

# What ultralytics would write to or send to if the package happens to be installed.
REPORTERS = ("sync", "tensorboard", "wandb", "mlflow", "comet", "clearml", "neptune", "dvc", "raytune", "hub")
# As Pillow has it. Ultralytics puts its own in place, which for a file that is no image wants to install packages and
# then raises ModuleNotFoundError, in all of the process.
PILLOW_OPEN = Image.open
FONTS = ("Arial.ttf", "Arial.Unicode.ttf")


def prepare(folder: Path) -> None:
    """Set what ultralytics reads at import, with its own settings in `folder`; to be called before its first import."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        YOLO_AUTOINSTALL="false",
        YOLO_OFFLINE="true",
        YOLO_CONFIG_DIR=str(folder),
        YOLO_VERBOSE="false",
        MPLCONFIGDIR=str(folder / "matplotlib"),
        # On shared cores waiting threads should sleep, not spin.
        OMP_WAIT_POLICY=os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
    )
    # With this key in the environment ultralytics uploads every training to its platform.
    os.environ.pop("ULTRALYTICS_API_KEY", None)
    _place_fonts(folder / "Ultralytics")


def quiet() -> None:
    """Import ultralytics, and switch off what it would send, or change for others."""
    from ultralytics import settings

    Image.open = PILLOW_OPEN
    switched_on = {name: False for name in REPORTERS if settings.get(name)}
    if switched_on:  # every update rewrites a file that other processes read
        settings.update(switched_on)


def pick_device(wanted: str) -> str:
    """Device for ultralytics: `auto` takes a GPU where there is one."""
    if wanted != "auto":
        return wanted
    import torch

    if torch.cuda.is_available():
        return "0"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def use_one_core() -> None:
    """Compute on one core in this process, after `prepare`: sums over several differ in their last bits."""
    quiet()
    import torch
    from ultralytics.utils import torch_utils

    torch_utils.NUM_THREADS = 1  # what ultralytics goes back to whenever it picks a processor
    torch.set_num_threads(1)


def describe_devices() -> dict[str, Any]:
    """What torch can compute on besides the CPU: `torch` (its version), `gpus` (names), `mps`."""
    import torch

    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {"torch": str(torch.__version__), "gpus": gpus, "mps": bool(torch.backends.mps.is_available())}


def _place_fonts(folder: Path) -> None:
    """Put a font where ultralytics looks for Arial: it asks the network for it whenever it opens a data set."""
    folder.mkdir(exist_ok=True)
    matplotlib = find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        return
    font = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    for name in FONTS:
        if font.is_file() and not (folder / name).is_file():
            shutil.copyfile(font, folder / name)
