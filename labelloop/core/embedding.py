"""An image as a vector, without a model and without a download: gradients for shape, histograms for colour.

HOG after Dalal and Triggs (CVPR 2005). Nothing is fitted on data, so a held-out image may be embedded like any other.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from labelloop.core.errors import ModelError
from labelloop.core.pixels import rgb

VERSION = "hog_hsv-1"  # changes whenever the same image would get another vector

_SIDE = 64
_CELL = 16
_ORIENTATIONS = 9
_HUES, _SATURATIONS, _VALUES = 12, 4, 16
_BIN_SMOOTHING = 1.0  # in bins: neighbouring colours stay similar, and few bins are exactly empty


def hog_hsv(image: Image.Image) -> NDArray[np.float32]:
    """Embedding of an image: HOG, hue-saturation and value histograms, each of unit length, together of unit length.

    Args:
        image: Any mode and size; not changed.

    Returns:
        (388,) float32: 324 of HOG, 48 of hue × saturation, 16 of value.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.feature import hog

    small = rgb(image).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=1.01)
    cells = (_CELL, _CELL)
    shape = hog(
        np.asarray(small.convert("L")), orientations=_ORIENTATIONS, pixels_per_cell=cells, cells_per_block=(2, 2)
    )
    hue, saturation, value = np.asarray(small.convert("HSV"), dtype=np.intp).reshape(-1, 3).T
    bins = (hue * _HUES // 256) * _SATURATIONS + saturation * _SATURATIONS // 256
    colours = np.bincount(bins, minlength=_HUES * _SATURATIONS).reshape(_HUES, _SATURATIONS)
    values = np.bincount(value * _VALUES // 256, minlength=_VALUES)
    parts = [
        shape,
        # The root of a histogram (Hellinger) keeps a small object's colour from drowning in the background's.
        np.sqrt(gaussian_filter(colours.astype(np.float64), _BIN_SMOOTHING, mode=("wrap", "nearest"))).ravel(),
        np.sqrt(gaussian_filter(values.astype(np.float64), _BIN_SMOOTHING, mode="nearest")),
    ]
    return _unit(np.concatenate([_unit(part) for part in parts])).astype(np.float32)


def unit_vectors(features: ArrayLike) -> NDArray[np.float32]:
    """Features of a network as unit vectors.

    Args:
        features: (B, D), or maps (B, C, H, W), which are averaged over H and W.

    Returns:
        (B, D) float32; a row of zeros, or one that is not finite, stays so.

    Raises:
        ModelError: If the features have another shape.
    """
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim == 4:
        rows = rows.mean(axis=(2, 3))
    if rows.ndim != 2 or not rows.shape[1]:
        raise ModelError(
            f"The embedding model gives an array of shape {rows.shape}, not (images, dimensions)",
            "Name a model that gives one vector for each image.",
        )
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norm, out=np.zeros_like(rows), where=norm != 0), dtype=np.float32)


def _unit(vector: NDArray) -> NDArray[np.float64]:
    norm = float(np.linalg.norm(vector))
    return np.asarray(vector / norm if norm else vector, dtype=np.float64)
