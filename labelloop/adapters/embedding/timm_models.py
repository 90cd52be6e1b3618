"""Vectors from an architecture of timm with weights from a file.

A state dict is read with `weights_only=True`, and safetensors hold nothing but numbers: neither runs code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labelloop.adapters.embedding.torch_models import TorchModel, View, file_hash
from labelloop.core.errors import ConfigError, ModelError


@dataclass(frozen=True)
class TimmModel:
    """An architecture of timm, by name, with weights from a file."""

    name: str
    weights: Path

    def network(self) -> Any:
        """The network without its classifier.

        Raises:
            ModelError: If the weights are not those of this architecture.
        """
        network = self._bare
        state = self._state()
        missing = [name for name in network.state_dict() if name not in state]
        if missing:
            raise ModelError(
                f"{self.weights} lacks {len(missing)} weights of {self.name}, among them {missing[0]}",
                "Name the weights of this architecture.",
            )
        try:
            network.load_state_dict({name: state[name] for name in network.state_dict()})
        except RuntimeError as error:
            raise ModelError(f"{self.weights} does not fit {self.name}: {error}", "Name its own weights.") from error
        return network

    def view(self) -> View:
        """What this architecture was trained to see."""
        about: Mapping[str, Any] = self._bare.pretrained_cfg
        return View(int(about["input_size"][-1]), tuple(about["mean"]), tuple(about["std"]))

    @cached_property
    def _bare(self) -> Any:
        return _create(self.name)

    def __getstate__(self) -> dict[str, Any]:
        """Without the network, which is made again where it is wanted."""
        return {"name": self.name, "weights": self.weights}

    def _state(self) -> Mapping[str, Any]:
        import torch

        try:
            if self.weights.suffix == ".safetensors":
                from safetensors.torch import load_file

                return dict(load_file(self.weights))
            return dict(torch.load(self.weights, map_location="cpu", weights_only=True))
        except ImportError as error:
            raise _absent("safetensors") from error
        except Exception as error:  # each format has its own kind
            raise ModelError(
                f"{self.weights} is no state dict: {str(error).splitlines()[0]}",
                "Save it with torch.save(model.state_dict(), path) or as safetensors.",
            ) from error


def timm_model(name: str, weights: Path, *, batch_size: int, device: str, precision: str = "auto") -> TorchModel:
    """A timm architecture as a provider.

    Raises:
        ConfigError: If timm is not installed, does not know the name, or there is no such file.
    """
    digest = file_hash(weights)
    model = TimmModel(name, weights)
    view = model.view()
    return TorchModel(f"timm-1 {name} {view} weights={digest}", view, model, batch_size, device, precision)


def _create(name: str) -> Any:
    try:
        import timm
    except ImportError as error:
        raise _absent("timm") from error
    try:
        return timm.create_model(name, pretrained=False, num_classes=0)
    except RuntimeError as error:
        raise ConfigError(
            f"embeddings.model: timm does not know {name}: {error}", "Choose one of its names."
        ) from error


def _absent(package: str) -> ConfigError:
    return ConfigError(f"embeddings: {package} is not installed", f"Install it with `pip install {package}`.")
