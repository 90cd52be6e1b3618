"""Half precision: which device computes in it, and how vectors say so.

Half precision is half the memory traffic, and several times the arithmetic, on the tensor cores of an NVIDIA GPU; on
a CPU it is slower than full precision, and Apple's GPUs gain nothing, so both stay as they are.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

_MARK = "half"


def half_on(device: str, precision: str) -> bool:
    """Whether a network computes in half precision.

    Args:
        device: As torch names it: `cpu`, `mps`, `cuda:0`, …; a bare number is a GPU of NVIDIA, as for ultralytics.
        precision: `auto`, which is half where that is faster, or `full`.
    """
    kind = device.partition(":")[0]
    return precision == "auto" and (kind == "cuda" or kind.replace(",", "").isdigit())


def mark(version: str, *, half: bool) -> str:
    """Version of a provider with its precision: vectors of two precisions never count as the same."""
    return f"{version} {_MARK}" if half else version


def passing(device: str, *, half: bool) -> AbstractContextManager[Any]:
    """What a pass of a network runs in.

    Autocast takes half precision for matrix products and convolutions, and keeps norms and softmax in full: weights
    that were never meant for it stay safe from overflow.
    """
    if not half:
        return nullcontext()
    import torch

    kind = device.partition(":")[0]
    kind = "cuda" if kind.replace(",", "").isdigit() else kind
    context: AbstractContextManager[Any] = torch.autocast(kind, dtype=torch.float16)
    return context
