"""Images on disk to vectors: only what is new is computed, and the result does not depend on who was first."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from labelloop.adapters.embedding.provider import Provider
from labelloop.adapters.images import DAMAGE
from labelloop.core.errors import ModelError

KEEP_EVERY = 1024  # new vectors that a kill may cost at most
_AHEAD = 2  # batches that are read while one is computed
# What models raise for an image they cannot take.
_REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, ArithmeticError)

Vectors = NDArray[np.float32]
Keep = Callable[[Sequence[str], Vectors], None]


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
    paths: Mapping[str, Path],
    known: Mapping[str, Vectors],
    *,
    keep: Keep,
    on_progress: Callable[[int, int], None],
) -> Embedded:
    """Vectors of all samples.

    An image that cannot be read or embedded is left out and named with the reason; the others go on.

    Args:
        provider: What makes a vector of an image.
        paths: Image of each sample.
        known: Vectors computed before by this version of the provider.
        keep: Given each block of new vectors, so that a kill does not lose them.
        on_progress: Told how many of how many new images are done.

    Raises:
        ModelError: If not one image could be embedded.
    """
    new = sorted(paths.keys() - known.keys())
    found, failed = dict(known), dict[str, str]()
    waiting: list[str] = []
    for ids, prepared in _read(provider, new, paths):
        vectors, reasons = _embedded(provider, ids, prepared)
        found |= vectors
        failed |= reasons
        waiting += vectors
        if len(waiting) >= KEEP_EVERY:
            keep(waiting, np.stack([found[name] for name in waiting]))
            waiting = []
        on_progress(len(found) - len(known) + len(failed), len(new))
    ids = [name for name in sorted(paths) if name in found]
    if not ids:
        raise _nothing(failed)
    stacked = np.stack([found[name] for name in ids]).astype(np.float32, copy=False)
    return Embedded(ids, stacked, len(new) - len(failed), failed)


def _read(
    provider: Provider, ids: Sequence[str], paths: Mapping[str, Path]
) -> Iterator[tuple[Sequence[str], list[Any]]]:
    """Batches of ids and what was made of their images, or the reason why nothing was; a few are read ahead."""
    batches = [ids[start : start + provider.batch_size] for start in range(0, len(ids), provider.batch_size)]
    pending: deque[list[Future[Any]]] = deque()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for number, batch in enumerate(batches):
            for coming in batches[number + len(pending) : number + 1 + _AHEAD]:
                pending.append([pool.submit(_prepared, provider, paths[name]) for name in coming])
            yield batch, [future.result() for future in pending.popleft()]


def _prepared(provider: Provider, path: Path) -> Any:
    try:
        with Image.open(path) as image:
            if provider.decode_side:
                image.draft("RGB", (provider.decode_side, provider.decode_side))
            return provider.prepare(ImageOps.exif_transpose(image))
    except DAMAGE as error:
        return _Failure(f"{path} was readable at ingest and no longer is: {error}")


@dataclass(frozen=True)
class _Failure:
    reason: str


def _embedded(
    provider: Provider, ids: Sequence[str], prepared: Sequence[Any]
) -> tuple[dict[str, Vectors], dict[str, str]]:
    """Vectors of a batch, and why some have none; what the batch as a whole fails on is found image by image."""
    failed = {name: item.reason for name, item in zip(ids, prepared, strict=True) if isinstance(item, _Failure)}
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
