"""Small image files of any kind, and ways to damage them."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

ORIENTATION = 0x0112


def picture(seed: int = 0, size: tuple[int, int] = (32, 20), mode: str = "RGB") -> Image.Image:
    """Noise that is another one for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def encoded(image: Image.Image, kind: str, orientation: int = 1) -> bytes:
    """The bytes of an image file."""
    buffer = BytesIO()
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(buffer, kind, **({"exif": exif} if orientation != 1 else {}))
    return buffer.getvalue()


def write(path: Path, seed: int = 0, size: tuple[int, int] = (32, 20)) -> Path:
    """An image file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(picture(seed, size), "PNG"))
    return path
