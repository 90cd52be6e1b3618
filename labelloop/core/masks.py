"""Instance masks: runs of equal pixels, as files keep them, and the pixels themselves.

A mask is kept as `{"runs": [...], "width": w, "height": h}`: lengths of alternating runs, row by row, the first of
zeros. With `left` and `top` it lies on the pixels of its image, without them it is stretched over its box.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Mask = NDArray[np.bool_]
MOST_PIXELS = 1 << 28


def runs_of(mask: ArrayLike) -> list[int]:
    """Lengths of the runs of a (H, W) mask, row by row, zeros first."""
    flat = np.asarray(mask, dtype=bool).ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *edges, flat.size]) if flat.size else np.zeros(0, dtype=int)
    return [0, *lengths.tolist()] if flat.size and flat[0] else [int(each) for each in lengths]


def pixels_of(runs: Sequence[int], width: int, height: int) -> Mask:
    """The (H, W) mask of some runs.

    Raises:
        ValueError: If they do not fill it exactly.
    """
    if width < 1 or height < 1 or width * height > MOST_PIXELS or any(run < 0 for run in runs):
        raise ValueError(f"a mask of {width}×{height} pixels, or with negative runs")
    if sum(runs) != width * height:
        raise ValueError(f"runs of {sum(runs)} pixels in a mask of {width}×{height}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(height, width)


def kept_mask(mask: Mask, left: int | None = None, top: int | None = None) -> dict[str, Any]:
    """A mask as JSON-like values."""
    height, width = mask.shape
    place = {} if left is None or top is None else {"left": left, "top": top}
    return {"runs": runs_of(mask), "width": width, "height": height, **place}


def coco_mask(rle: Mapping[str, Any]) -> Mask:
    """The (H, W) mask of COCO's run-length encoding, which runs down the columns; its counts a list or a text.

    Raises:
        ValueError: If it is damaged.
    """
    height, width = (int(side) for side in rle["size"])
    counts = rle["counts"]
    runs = _coco_counts(counts) if isinstance(counts, str) else [int(count) for count in counts]
    return pixels_of(runs, height, width).T


def _coco_counts(text: str) -> list[int]:
    """COCO's compressed counts: groups of 6 bits, 5 of value and 1 of "more follows"; differences from the third on."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError("run lengths with a character that COCO does not use")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        value -= (1 << shift) if bits & 16 else 0
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts


def mask_in_box(detail: Mapping[str, Any], corners: Sequence[float]) -> Mask | None:
    """The part of an instance mask inside its box, one value for each pixel the box touches; None if there is none.

    Args:
        detail: A label's detail, with `mask` or `rings`.
        corners: Its box in pixels.
    """
    from skimage.draw import polygon2mask

    left, top, right, bottom = corners
    width, height = max(1, round(right - left)), max(1, round(bottom - top))
    if "mask" in detail:
        return _cropped(detail["mask"], round(left), round(top), width, height)
    if "rings" not in detail or not math.isfinite(left) or width * height > MOST_PIXELS:
        return None
    whole = np.zeros((height, width), dtype=bool)
    for ring in detail["rings"]:
        # A pixel belongs to an outline when its centre, half a pixel in, does.
        whole |= polygon2mask((height, width), [(y - top - 0.5, x - left - 0.5) for x, y in ring])
    return whole


def _cropped(kept: Mapping[str, Any], left: int, top: int, width: int, height: int) -> Mask:
    mask = pixels_of(kept["runs"], kept["width"], kept["height"])
    if "left" not in kept:
        return mask
    canvas = np.zeros((height, width), dtype=bool)
    x, y = kept["left"] - left, kept["top"] - top
    inside = mask[max(0, -y) : max(0, height - y), max(0, -x) : max(0, width - x)]
    canvas[max(0, y) : max(0, y) + inside.shape[0], max(0, x) : max(0, x) + inside.shape[1]] = inside
    return canvas
