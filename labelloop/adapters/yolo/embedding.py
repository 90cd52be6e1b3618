"""Vectors from a YOLO detector: what its last layer before the head saw, averaged over the image."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelloop.adapters.embedding.precision import half_on, mark, passing
from labelloop.adapters.embedding.provider import filled
from labelloop.adapters.yolo.environment import pick_device
from labelloop.adapters.yolo.weights import fingerprint, load
from labelloop.core.embedding import unit_vectors
from labelloop.core.errors import ConfigError
from labelloop.core.pixels import rgb


@dataclass(frozen=True)
class YoloEmbedder:
    """`YOLO.embed` of a checkpoint as a provider.

    FiftyOne's `compute_embeddings` refuses a YOLO model, which does not say that it can embed.

    Attributes:
        weights: Checkpoint.
        imgsz: Side of the square the network sees, in pixels.
        batch_size: Images in one pass.
        device: `auto`, `cpu`, `0`, …
        precision: `auto` computes in half precision on a GPU of NVIDIA, `full` never.
    """

    weights: Path
    imgsz: int
    batch_size: int
    device: str
    precision: str = "auto"
    decode_side: int = 0  # as at training

    @cached_property
    def version(self) -> str:
        """Provider, preprocessing and content of the weights."""
        name = f"yolo-1 imgsz={self.imgsz} letterbox weights={fingerprint(self.weights)}"
        return mark(name, half=self._half)

    def prepare(self, image: Image.Image) -> Image.Image:
        """RGB, at full size."""
        return rgb(image)

    def vectors(self, prepared: Sequence[Any]) -> NDArray[np.float32]:
        """Unit vectors of a batch."""
        # With rect on, ultralytics pads a batch of one shape less than a mixed one.
        device = pick_device(self.device)
        # Not ultralytics' own switch for it, whose name changed within 8.4.
        with passing("cuda" if self._half else device, half=self._half):
            found = self._model.embed(
                filled(prepared, self.batch_size), imgsz=self.imgsz, rect=False, device=device, verbose=False,
                save=False,
            )  # fmt: skip
        return unit_vectors(np.stack([vector.float().cpu().numpy() for vector in found[: len(prepared)]]))

    @cached_property
    def _half(self) -> bool:
        return self.device != "cpu" and half_on(pick_device(self.device), self.precision)

    @cached_property
    def _model(self) -> Any:
        return load(self.weights)


def yolo_embedder(
    start: Path | str, *, imgsz: int, batch_size: int, device: str, precision: str = "auto"
) -> YoloEmbedder:
    """A checkpoint as a provider.

    Raises:
        ConfigError: If it is an architecture without weights.
    """
    if not isinstance(start, Path):
        raise ConfigError(
            f"embeddings.model: {start} is an architecture, whose random weights tell no images apart",
            "Name a checkpoint (.pt).",
        )
    return YoloEmbedder(start, imgsz, batch_size, device, precision)
