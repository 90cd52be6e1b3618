"""Pictures: read for their size, kept as they came where a browser and CVAT would, and re-encoded where not."""

import io
import mimetypes
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

EXIF_ORIENTATION = 0x0112
PREVIEW_SIZE = (256, 256)
EXTENSIONS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif", "TIFF": ".tif"}
CVAT_TYPES = {"WEBP": "image/x-webp"}  # where CVAT's content type is not the registered one


@dataclass(frozen=True)
class Picture:
    """What is known of a picture after it was decoded in full.

    `content` is None when the file is served byte for byte, and the re-encoded bytes otherwise.
    """

    width: int
    height: int
    format: str
    content: bytes | None


def inspect(source: BinaryIO | Path) -> Picture:
    """Decode a picture to the end.

    A JPEG whose EXIF data says that it lies on its side is turned, and a TIFF is written anew, as CVAT does.

    Raises:
        OSError: If it is damaged, cut short or no picture.
    """
    with Image.open(source) as image:
        image.load()
        kind = image.format or ""
        turned = kind == "JPEG" and image.getexif().get(EXIF_ORIENTATION, 1) != 1
        if turned:
            upright = ImageOps.exif_transpose(image)
            return Picture(upright.width, upright.height, kind, _encoded(upright, kind, quality=100))
        content = _encoded(image, kind) if kind == "TIFF" else None
        return Picture(image.width, image.height, kind, content)


def compressed(path: Path, quality: int) -> bytes:
    """A picture as the JPEG that an annotator's browser is served."""
    with Image.open(path) as image:
        return _encoded(_flat(image), "JPEG", quality=quality)


def preview(path: Path) -> bytes:
    """A small JPEG of a picture."""
    with Image.open(path) as image:
        small = _flat(image)
        small.thumbnail(PREVIEW_SIZE)
        return _encoded(small, "JPEG", quality=80)


def content_type(kind: str) -> str:
    """The registered content type of a format."""
    return Image.MIME.get(kind, "application/octet-stream")


def cvat_content_type(kind: str) -> str:
    """The content type CVAT sends for a format."""
    return CVAT_TYPES.get(kind) or content_type(kind)


def extension(name: str, kind: str) -> str:
    """The extension of a frame: that of its name, or the usual one of its format."""
    return Path(name).suffix or EXTENSIONS.get(kind, ".jpg")


def is_image_name(name: str) -> bool:
    """Whether a name looks like a picture; CVAT passes over everything else in silence."""
    kind = mimetypes.guess_type(name)[0] or ("image/webp" if name.lower().endswith(".webp") else "")
    return kind.startswith("image/") and not kind.startswith("image/svg")


def is_archive_name(name: str) -> bool:
    """Whether a name looks like a zip archive of pictures."""
    return name.lower().endswith(".zip")


def chunk_size(width: int, height: int) -> int:
    """How many frames of a size CVAT puts into one chunk."""
    return max(2, min(72, 36 * 1920 * 1080 // (width * height)))


def zipped(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip archive that is the same for the same members; pictures are stored, not deflated again."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _flat(image: Image.Image) -> Image.Image:
    """A copy that JPEG can hold; grey with more than 8 bits is stretched to them."""
    if image.mode in ("I", "I;16", "I;16B", "F"):
        values = np.asarray(image, dtype=float)
        span = float(np.ptp(values)) or 1.0
        return Image.fromarray(((values - values.min()) * (255 / span)).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def _encoded(image: Image.Image, kind: str, quality: int = 95) -> bytes:
    buffer = io.BytesIO()
    options = {"quality": quality} if kind == "JPEG" else {}
    image.save(buffer, kind, **options)
    return buffer.getvalue()
