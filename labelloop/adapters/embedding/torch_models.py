"""Vectors from a network that torch runs, above all from a TorchScript file on this machine.

A pickled module, and torch.export's archive too, runs whatever its author put into it when it is opened; TorchScript
does not.
"""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelloop.adapters.embedding.precision import half_on, mark, passing
from labelloop.adapters.embedding.provider import filled
from labelloop.core.embedding import unit_vectors
from labelloop.core.errors import ConfigError, ModelError
from labelloop.core.pixels import rgb

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_BLOCK = 1 << 22


@dataclass(frozen=True)
class View:
    """What a network sees of an image: squeezed into a square, 0 to 1, then (value − mean) / std for each channel."""

    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __str__(self) -> str:
        return f"side={self.side} mean={self.mean} std={self.std}"


class Loader(Protocol):
    """Where a network comes from."""

    def network(self) -> Any:
        """The network, on the CPU."""


@dataclass(frozen=True)
class TorchModel:
    """A network that maps (B, 3, side, side) float32 to (B, D), or to (B, C, H, W), which is averaged over H and W.

    Attributes:
        name: What its vectors follow from, but for the precision.
        view: What it sees of an image.
        load: Where and how the network is read; only done when there is something to embed.
        batch_size: Images in one pass.
        device: `auto`, `cpu`, `mps`, `0`, …
        precision: `auto` computes in half precision on a GPU of NVIDIA, `full` never.
    """

    name: str
    view: View
    load: Loader
    batch_size: int
    device: str
    precision: str = "auto"

    @cached_property
    def version(self) -> str:
        """See `Provider`; vectors of half precision are other vectors."""
        return mark(self.name, half=self._half)

    @property
    def decode_side(self) -> int:
        """Large enough to be scaled down once more, so that edges stay smooth."""
        return 2 * self.view.side

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """(side, side, 3) RGB."""
        side = (self.view.side, self.view.side)
        return np.asarray(rgb(image).resize(side, Image.Resampling.BILINEAR, reducing_gap=2.0))

    def vectors(self, prepared: Sequence[Any]) -> NDArray[np.float32]:
        """Unit vectors of a batch."""
        import torch

        device, network = self._network
        pixels = torch.from_numpy(np.stack(filled(prepared, self.batch_size))).to(device)
        mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (self.view.mean, self.view.std))
        with torch.inference_mode(), passing(device, half=self._half):
            output = network((pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std)
        if not isinstance(output, torch.Tensor):
            raise ModelError(
                f"{self.version} gives a {type(output).__name__}, not one array",
                "Save a network that returns features of shape (images, dimensions).",
            )
        return unit_vectors(output.float().cpu().numpy()[: len(prepared)])

    @cached_property
    def _half(self) -> bool:
        # Where nothing but the CPU can be meant, torch need not be imported to know.
        return self.device != "cpu" and half_on(pick_device(self.device), self.precision)

    @cached_property
    def _network(self) -> tuple[str, Any]:
        device = pick_device(self.device)
        if self._half and not half_on(device, self.precision):
            raise ModelError(
                f"{self.version} wants half precision, and {device} computes in full",
                "Set embeddings.precision to full, or embed on machines that are alike.",
            )
        return device, self.load.network().eval().to(device)

    def __getstate__(self) -> dict[str, Any]:
        """Without the network: whoever computes elsewhere reads it there, and keeps to the precision of here."""
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"_half": self._half}


@dataclass(frozen=True)
class TorchScriptFile:
    """A network saved with `torch.jit.trace(model, example).save(path)`."""

    path: Path

    def network(self) -> Any:
        """The network.

        Raises:
            ModelError: If the file is something else.
        """
        import torch

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # torch would rather have its own archive, a pickle
                return torch.jit.load(self.path, map_location="cpu")
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(
                f"{self.path} is no TorchScript file: {str(error).splitlines()[0]}",
                "A pickled model would run what is in it, so it is not opened. Save the network with "
                "torch.jit.trace(model, example).save(path), or use provider timm or yolo.",
            ) from error


def torch_script(
    path: Path, *, side: int, normalize: str, batch_size: int, device: str, precision: str = "auto"
) -> TorchModel:
    """A TorchScript file as a provider.

    Raises:
        ConfigError: If there is no such file.
    """
    view = View(side, *(IMAGENET if normalize == "imagenet" else PLAIN))
    name = f"torch-1 {view} weights={file_hash(path)}"
    return TorchModel(name, view, TorchScriptFile(path), batch_size, device, precision)


def pick_device(wanted: str) -> str:
    """Device for torch: `auto` takes a GPU where there is one, `0` is the first."""
    import torch

    if wanted != "auto":
        return f"cuda:{wanted}" if wanted.isdigit() else wanted
    if torch.cuda.is_available():
        return "cuda:0"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def file_hash(path: Path) -> str:
    """What weights are, wherever they lie.

    Raises:
        ConfigError: If there is no such file.
    """
    if not path.is_file():
        raise ConfigError(f"embeddings: {path} does not exist", "Name a file that is on this machine.")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()[:16]
