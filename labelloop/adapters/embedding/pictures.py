"""Pictures to embed: whole images and patches of them, each file read once for all that is wanted of it."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from labelloop.adapters.embedding.provider import Provider
from labelloop.adapters.images import DAMAGE

_AHEAD = 2  # batches that are read while one is computed


@dataclass(frozen=True)
class Patch:
    """A part of an image.

    Attributes:
        path: The image.
        edges: Left, top, right and bottom in pixels of the upright image, right and bottom being the first outside.
    """

    path: Path
    edges: tuple[int, int, int, int]


Picture = Path | Patch
Item = tuple[str, Picture]


@dataclass(frozen=True)
class Unreadable:
    """A picture of which nothing can be made, and why."""

    reason: str


def read_ahead(provider: Provider, items: Sequence[Item]) -> Iterator[tuple[list[str], list[Any]]]:
    """Batches of ids and what the provider made of their pictures, or `Unreadable`; a few are read ahead."""
    size = provider.batch_size
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    pending: deque[list[Future[list[Any]]]] = deque()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for number, batch in enumerate(batches):
            for coming in batches[number + len(pending) : number + 1 + _AHEAD]:
                pending.append([pool.submit(_prepared, provider, each) for each in _by_file(coming)])
            yield [name for name, _ in batch], [made for future in pending.popleft() for made in future.result()]


def file_of(picture: Picture) -> Path:
    """The image file a picture is of."""
    return picture.path if isinstance(picture, Patch) else picture


def _by_file(batch: Sequence[Item]) -> list[list[Picture]]:
    """The pictures of a batch in their order, neighbours of one file together."""
    return [list(group) for _, group in groupby((picture for _, picture in batch), key=file_of)]


def _prepared(provider: Provider, pictures: Sequence[Picture]) -> list[Any]:
    """What the provider makes of pictures of one file."""
    path = file_of(pictures[0])
    try:
        with Image.open(path) as image:
            # A patch needs the pixels that its edges count.
            if provider.decode_side and all(isinstance(picture, Path) for picture in pictures):
                image.draft("RGB", (provider.decode_side, provider.decode_side))
            upright = ImageOps.exif_transpose(image)
            return [provider.prepare(_part(upright, picture)) for picture in pictures]
    except DAMAGE as error:
        return [Unreadable(f"{path} was readable at ingest and no longer is: {error}")] * len(pictures)


def _part(upright: Image.Image, picture: Picture) -> Image.Image:
    return upright.crop(picture.edges) if isinstance(picture, Patch) else upright
