"""Any image Pillow opens as plain 8-bit RGB, so that whatever looks at pixels sees one kind of picture."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_HIGH_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


def rgb(image: Image.Image) -> Image.Image:
    """The image as 8-bit RGB; the given image is not changed.

    16-bit grey keeps its high byte (Pillow itself would clip everything above 255 to white), 32-bit grey is stretched
    from its darkest to its brightest pixel, transparency is laid on white as viewers show it. EXIF orientation is
    left to whoever opened the file.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in _HIGH_BITS:
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        return Image.fromarray(_stretched(np.asarray(image, dtype=np.float64))).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _stretched(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    scale = 255.0 / (high - low) if high > low else 0.0
    return np.asarray((finite - low) * scale, dtype=np.uint8)
