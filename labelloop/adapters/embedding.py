"""Images on disk to vectors: only what is new is computed, and the result does not depend on who was first."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from labelloop.adapters.images import DAMAGE
from labelloop.core import embedding
from labelloop.core.errors import LabelloopError

# Each provider: its version, which names what it would compute, and the function that does.
VERSIONS = {"hog_hsv": embedding.VERSION}


def embed(
    provider: str,
    paths: Mapping[str, Path],
    known: tuple[Sequence[str], np.ndarray] | None,
    on_progress: Callable[[int, int], None],
) -> tuple[list[str], np.ndarray, int]:
    """Vectors of all samples, sorted by sample id.

    Args:
        provider: Name of the embedding.
        paths: Image of each sample.
        known: Ids and vectors (N, D) computed before by this version of the provider.
        on_progress: Told how many of how many new images are done.

    Returns:
        Sample ids, their vectors (N, D) float32, and how many were computed now.

    Raises:
        LabelloopError: If an image that was readable at ingest no longer is.
    """
    done = dict(zip(known[0], known[1], strict=True)) if known is not None else {}
    ids = sorted(paths)
    new = [sample_id for sample_id in ids if sample_id not in done]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for count, (sample_id, vector) in enumerate(
            zip(new, pool.map(_PROVIDERS[provider], map(paths.__getitem__, new)), strict=True), 1
        ):
            done[sample_id] = vector
            on_progress(count, len(new))
    return ids, np.stack([done[sample_id] for sample_id in ids]).astype(np.float32), len(new)


def _hog_hsv(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            image.draft("RGB", (128, 128))
            return embedding.hog_hsv(ImageOps.exif_transpose(image))
    except DAMAGE as error:
        raise LabelloopError(
            f"{path} was readable at ingest and no longer is: {error}", "Restore it, then materialise source_images."
        ) from error


_PROVIDERS: Mapping[str, Callable[[Path], np.ndarray]] = {"hog_hsv": _hog_hsv}
