"""Vectors from a model of FiftyOne's zoo."""

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelloop.adapters.embedding.provider import filled
from labelloop.core.embedding import unit_vectors
from labelloop.core.errors import ConfigError, ModelError
from labelloop.core.pixels import rgb


@dataclass(frozen=True)
class ZooEmbedder:
    """A zoo model as a provider; it sees images as FiftyOne's `compute_embeddings` shows them."""

    model: Any = field(repr=False)
    version: str
    batch_size: int
    decode_side: int = 0

    def prepare(self, image: Image.Image) -> Image.Image:
        """RGB, at full size: the model brings its own preprocessing."""
        return rgb(image)

    def vectors(self, prepared: Sequence[Any]) -> NDArray[np.float32]:
        """Unit vectors of a batch; a model that does not squeeze images into one shape takes them one by one."""
        if self.model.ragged_batches:
            rows = [np.asarray(self.model.embed(image)) for image in prepared]
        else:
            rows = list(self.model.embed_all(filled(prepared, self.batch_size))[: len(prepared)])
        return unit_vectors(np.stack(rows))


def zoo_embedder(name: str, *, batch_size: int, device: str) -> ZooEmbedder:
    """A model of the zoo, downloaded when it is not here yet.

    FiftyOne has to be prepared before, see `environment.prepare`.

    Raises:
        ConfigError: If the zoo has no such model, or it gives no embeddings.
        ModelError: If it cannot be downloaded or loaded.
    """
    import fiftyone.zoo as foz

    _download(name)
    try:
        model = foz.load_zoo_model(name, **({} if device == "auto" else {"device": _torch_name(device)}))
    except Exception as error:  # whatever the package behind the model raises
        raise ModelError(f"{name} of FiftyOne's zoo cannot be loaded: {_first_line(error)}", _offline()) from error
    if not model.has_embeddings:
        raise ConfigError(
            f"embeddings.model: {name} gives no embeddings",
            "Choose one of fiftyone.zoo.list_zoo_models(tags='embeddings'), such as mobilenet-v2-imagenet-torch.",
        )
    return ZooEmbedder(model, f"fiftyone_zoo-1 {name} weights={_weights(model)}", batch_size)


def _download(name: str) -> None:
    import fiftyone.zoo as foz

    try:
        foz.get_zoo_model(name)
    except ValueError as error:
        near = difflib.get_close_matches(name, foz.list_zoo_models(), n=3)
        raise ConfigError(
            f"embeddings.model: FiftyOne's zoo has no model {name}",
            f"The nearest: {', '.join(near)}." if near else "See fiftyone.zoo.list_zoo_models().",
        ) from error
    try:
        foz.download_zoo_model(name)
    except Exception as error:  # whatever stands between this machine and the model
        raise ModelError(f"{name} of FiftyOne's zoo cannot be downloaded: {_first_line(error)}", _offline()) from error


def _offline() -> str:
    import fiftyone as fo
    import torch

    return (
        f"Without internet, load it once on a machine that has it and copy its files into {fo.config.model_zoo_dir} "
        f"and {torch.hub.get_dir()}, or set embeddings.provider to hog_hsv, which needs no model."
    )


def _weights(model: Any) -> str:
    """What the weights are, whichever way they came."""
    network: Any = getattr(model, "_model", None)
    if not hasattr(network, "state_dict"):
        return type(model).__name__
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} ".encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _torch_name(device: str) -> str:
    return f"cuda:{device}" if device.isdigit() else device


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
