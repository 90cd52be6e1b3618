"""Pictures to vectors: only what is new is computed, and the result does not depend on who was first, nor where."""

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelloop.adapters.embedding.pictures import Item, Picture, Unreadable, read_ahead
from labelloop.adapters.embedding.provider import Provider
from labelloop.core.errors import ModelError

KEEP_EVERY = 1024  # new vectors that a kill may cost at most
# What models raise for an image they cannot take.
_REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, ArithmeticError)

Vectors = NDArray[np.float32]
Keep = Callable[[Sequence[str], Vectors], None]


@dataclass(frozen=True, eq=False)
class Part:
    """Vectors of some pictures by id, and why others have none."""

    vectors: dict[str, Vectors]
    failed: dict[str, str]


Shard = tuple[Item, ...]
# Has shards worked on, by whomever and in whatever order; no part may be lost.
Spread = Callable[[Callable[[Shard], Part], Sequence[Shard]], Iterable[Part]]


@dataclass(frozen=True, eq=False)
class Embedded:
    """Vectors of all samples that have one.

    Attributes:
        ids: Sample ids, sorted.
        vectors: (N, D) float32, row i belongs to the i-th id.
        computed: How many were computed now.
        failed: Why each of the other samples has no vector.
    """

    ids: list[str]
    vectors: Vectors
    computed: int
    failed: dict[str, str]


def embed(
    provider: Provider,
    pictures: Mapping[str, Picture],
    known: Mapping[str, Vectors],
    *,
    keep: Keep,
    on_progress: Callable[[int, int], None],
    spread: Spread | None = None,
) -> Embedded:
    """Vectors of all samples.

    An image that cannot be read or embedded is left out and named with the reason; the others go on. A vector does
    not depend on which others are computed beside it, so the bits are the same for any shards.

    Args:
        provider: What makes a vector of an image.
        pictures: Image of each sample, or patch of an image.
        known: Vectors computed before by this version of the provider.
        keep: Given each block of new vectors, so that a kill does not lose them.
        on_progress: Told how many of how many new images are done.
        spread: Has shards computed elsewhere; None computes here.

    Raises:
        ModelError: If not one image could be embedded.
    """
    items = [(name, pictures[name]) for name in sorted(pictures.keys() - known.keys())]
    work = partial(compute, provider, provider.version)
    parts = _passes(provider, items) if spread is None else spread(work, shards(items))
    found, failed = dict(known), dict[str, str]()
    waiting: list[str] = []
    for part in parts:
        found |= part.vectors
        failed |= part.failed
        waiting += part.vectors
        if len(waiting) >= KEEP_EVERY:
            keep(waiting, np.stack([found[name] for name in waiting]))
            waiting = []
        on_progress(len(found) - len(known) + len(failed), len(items))
    ids = [name for name in sorted(pictures) if name in found]
    if not ids:
        raise _nothing(failed)
    stacked = np.stack([found[name] for name in ids]).astype(np.float32, copy=False)
    return Embedded(ids, stacked, len(items) - len(failed), failed)


def shards(items: Sequence[Item], size: int = KEEP_EVERY) -> list[Shard]:
    """Ranges of the sorted pictures, each of this size but the last: they follow from the ids alone."""
    return [tuple(items[start : start + size]) for start in range(0, len(items), size)]


def compute(provider: Provider, version: str, shard: Shard) -> Part:
    """Vectors of a shard, wherever this process runs: it needs the image files and the weights where they are here.

    Raises:
        ModelError: If the provider that arrived would give other vectors.
    """
    if provider.version != version:
        raise ModelError(
            f"{socket.gethostname()} embeds as {provider.version}, and here it is {version}",
            "Install the same version of labelloop on all machines of the cluster.",
        )
    parts = list(_passes(provider, shard))
    return Part(_merged([part.vectors for part in parts]), _merged([part.failed for part in parts]))


def _passes(provider: Provider, items: Sequence[Item]) -> Iterator[Part]:
    for ids, prepared in read_ahead(provider, items):
        yield Part(*_embedded(provider, ids, prepared))


def _embedded(
    provider: Provider, ids: Sequence[str], prepared: Sequence[Any]
) -> tuple[dict[str, Vectors], dict[str, str]]:
    """Vectors of a batch, and why some have none; what the batch as a whole fails on is found image by image."""
    failed = {name: item.reason for name, item in zip(ids, prepared, strict=True) if isinstance(item, Unreadable)}
    good = {name: item for name, item in zip(ids, prepared, strict=True) if name not in failed}
    if not good:
        return {}, failed
    try:
        rows = provider.vectors(list(good.values()))
    except _REFUSALS as error:
        if len(good) == 1:
            return {}, failed | dict.fromkeys(good, f"the model cannot embed it: {_gist(error)}")
        each = [_embedded(provider, [name], [item]) for name, item in good.items()]
        return _merged([row for row, _ in each]), _merged([failed, *(reasons for _, reasons in each)])
    no_vector = {
        name: "its vector is zero or not finite"
        for name, row in zip(good, rows, strict=True)
        if not np.isfinite(row).all() or not row.any()
    }
    return {name: row for name, row in zip(good, rows, strict=True) if name not in no_vector}, failed | no_vector


def _gist(error: Exception) -> str:
    """The last line: TorchScript tells the way down to it first."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)


def _merged(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _nothing(failed: Mapping[str, str]) -> ModelError:
    if not failed:
        return ModelError("There is no image to embed", "Run the job prepare_pool.")
    name, reason = next(iter(failed.items()))
    return ModelError(
        f"None of {len(failed)} images could be embedded; {name}: {reason}",
        "Correct embeddings: in labelloop.yaml (model, imgsz, a smaller batch_size), or use provider hog_hsv.",
    )
