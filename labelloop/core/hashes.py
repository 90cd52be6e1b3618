"""Perceptual hashes of images, and the groups of near-duplicates they form.

A dHash (Neal Krawetz, "Kind of Like That", 2013) keeps the signs of brightness steps along rows of a tiny grey copy:
it survives rescaling and recompression, and two photographs of one scene differ in few of its 64 bits.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from labelloop.core.pixels import rgb

_BLOCK = 256  # rows compared at once: 256 × N × 8 bytes, 40 MB for 20 000 images

Groups = NDArray[np.object_]
Links = tuple[NDArray[np.intp], NDArray[np.intp]]  # the samples at first[i] and second[i] belong together


def dhash(image: Image.Image) -> int:
    """64-bit difference hash of an image, most significant bit top left."""
    grey = image if image.mode == "L" and "transparency" not in image.info else rgb(image).convert("L")
    pixels = np.asarray(grey.resize((9, 8), Image.Resampling.LANCZOS), dtype=np.int16)
    return int.from_bytes(np.packbits(pixels[:, 1:] > pixels[:, :-1]).tobytes(), "big")


def hamming(first: int, second: int) -> int:
    """Number of bits in which two hashes differ."""
    return (int(first) ^ int(second)).bit_count()


def as_hashes(values: ArrayLike) -> NDArray[np.uint64]:
    """Hashes as unsigned 64-bit integers, whether they come as Python ints or as a column."""
    return np.asarray(values, dtype=object).astype(np.uint64)


def near(first: NDArray[np.uint64], second: NDArray[np.uint64], distance: int) -> NDArray[np.bool_]:
    """Whether each of `first` (N,) is within `distance` bits of any of `second` (M,)."""
    if not len(second):
        return np.zeros(len(first), dtype=bool)
    blocks = (first[start : start + _BLOCK] for start in range(0, len(first), _BLOCK))
    found = [(np.bitwise_count(block[:, None] ^ second[None, :]) <= distance).any(axis=1) for block in blocks]
    return np.concatenate(found) if found else np.zeros(0, dtype=bool)


def duplicate_groups(hashes: NDArray[np.uint64], sample_ids: Sequence[str], distance: int = 6) -> Groups:
    """Name of the group of near-duplicates each sample belongs to.

    Samples within `distance` bits are in one group, and so are samples linked by a chain of such pairs. A group is
    called after its smallest sample id, so that neither the order of rows nor the machine matters.

    Args:
        hashes: (N,) dHashes.
        sample_ids: N ids.
        distance: Most bits in which two near-duplicates differ.

    Returns:
        (N,) group names.
    """
    distinct, position = np.unique(hashes, return_inverse=True)
    component = np.arange(len(distinct))
    for first, second in _near_pairs(distinct, distance):
        component = _linked(first, second, component)
    return _named(component[position], sample_ids)


def merge_groups(groups: Sequence[str], keys: Sequence[str | None]) -> Groups:
    """Groups in which samples stay together that share a duplicate group or a key.

    Args:
        groups: N group names, each the smallest id of its members.
        keys: N keys from elsewhere (a video, a patient); None where a sample has none.

    Returns:
        (N,) names of the merged groups: the smallest of the names that were merged.
    """
    names, group = np.unique(np.asarray(groups, dtype=object), return_inverse=True)
    known = {key: number for number, key in enumerate(sorted({key for key in keys if key is not None}))}
    links = [(group[row], len(names) + known[key]) for row, key in enumerate(keys) if key is not None]
    first, second = np.array(links, dtype=np.intp).reshape(-1, 2).T
    component = _linked(first, second, np.arange(len(names) + len(known)))
    return _named(component[group], groups)


def linked_groups(links: Iterable[Links], sample_ids: Sequence[str]) -> Groups:
    """Name of the group of each sample, its smallest id, after linking first[i] and second[i] of each block."""
    component = np.arange(len(sample_ids))
    for first, second in links:
        news = component[first] != component[second]
        if news.any():
            component = _linked(first[news], second[news], component)
    return _named(component, sample_ids)


def _near_pairs(hashes: NDArray[np.uint64], distance: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        first, second = np.nonzero(np.bitwise_count(block[:, None] ^ hashes[None, start:]) <= distance)
        yield first + start, second + start


def _linked(first: NDArray[np.intp], second: NDArray[np.intp], component: NDArray[np.intp]) -> NDArray[np.intp]:
    """Components after linking first[i] with second[i], on top of the components so far."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(component)
    rows = np.concatenate([first, np.arange(count)])
    columns = np.concatenate([second, component])
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1].astype(np.intp)
    # A component is represented by its first member, so that it can be linked again in the next block.
    return np.asarray(np.unique(labels, return_index=True)[1][labels], dtype=np.intp)


def _named(component: NDArray[np.intp], names: Sequence[str]) -> Groups:
    smallest: dict[int, str] = {}
    for number, name in zip(component.tolist(), names, strict=True):
        smallest[number] = min(name, smallest.get(number, name))
    return np.array([smallest[number] for number in component.tolist()], dtype=object)
