"""Tiny networks that are files, made in the test."""

import warnings
from pathlib import Path

import torch


def network(seed: int = 0) -> torch.nn.Module:
    """Three channels to four maps; what it sees, it averages."""
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(4, 5, 1))


class Pooled(torch.nn.Module):
    """(B, C) features, as most networks give them."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.body = network(seed)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.body(pixels).mean(dim=(2, 3))


class Twofold(Pooled):
    """Features and something beside them."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.body(pixels), pixels


class Tokens(Pooled):
    """A transformer's output, (B, T, C)."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.body(pixels).flatten(2).transpose(1, 2)


def script(path: Path, module: torch.nn.Module, side: int = 32) -> Path:
    """The module as a TorchScript file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(module.eval(), torch.zeros(2, 3, side, side)).save(path)
    return path
