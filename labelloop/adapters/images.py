"""Image files as they lie on disk: what they hold, or why they cannot be used."""

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from labelloop.core.hashes import dhash
from labelloop.core.vocabulary import Quarantine

# What a detector and an annotation server both read; Pillow also opens PDF, EPS, icons and film. JPEG includes MPO.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF")
SAMPLE_ID_LENGTH = 24
ORIENTATION, UPRIGHT = 0x0112, 1  # EXIF tag, and its value for an image that lies as it is shown
LYING = (5, 6, 7, 8)  # values of images whose width is shown as their height
ENOUGH_TO_HASH = (144, 120)  # width and height: 16 by 15 pixels for each bit
# What Pillow raises for damaged files, besides what it calls unidentified.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, struct.error, zlib.error)


@dataclass(frozen=True)
class ImageFile:
    """One file of a source; `sample_id` is None exactly when `reason` says why it was set aside.

    Width and height are those after EXIF rotation, the way people and detectors see the image.
    """

    path: Path
    bytes: int
    mtime_ns: int
    sample_id: str | None = None
    width: int = 0
    height: int = 0
    dhash: int = 0
    reason: str | None = None
    detail: str = ""


def inspect(path: Path) -> ImageFile:
    """Read, hash and decode one file; never raises for what is wrong with the file itself."""
    try:
        status = path.stat()
        content = path.read_bytes()
    except OSError as error:
        return ImageFile(path, 0, 0, reason=Quarantine.UNREADABLE, detail=error.strerror or type(error).__name__)
    found = ImageFile(path, len(content), status.st_mtime_ns)
    if not content:
        return _set_aside(found, Quarantine.ZERO_BYTES)
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            # All of a JPEG is read, so that damage is noticed as ever, but the picture is made of brightness alone and
            # in a half, a quarter or an eighth of its size: of a photograph's hash that moves three bits at most.
            drafted = image.draft("L", ENOUGH_TO_HASH)
            image.load()
            orientation = image.getexif().get(ORIENTATION, UPRIGHT)
            shown = _without_padding(image, *drafted[1][2:]) if drafted else image
            # Where nothing is to be turned it would copy all pixels.
            upright = shown if orientation == UPRIGHT else ImageOps.exif_transpose(shown)
            width, height = (height, width) if orientation in LYING else (width, height)
            return ImageFile(path, found.bytes, found.mtime_ns, sample_id(content), width, height, dhash(upright))
    except UnidentifiedImageError:
        return _set_aside(found, Quarantine.NOT_AN_IMAGE)
    except DAMAGE as error:
        return _set_aside(found, Quarantine.TRUNCATED, str(error))
    except Image.DecompressionBombError as error:
        return _set_aside(found, Quarantine.UNREADABLE, str(error))


def inspect_all(
    paths: Sequence[Path], known: Mapping[Path, ImageFile], on_progress: Callable[[int, int], None]
) -> list[ImageFile]:
    """Inspect files in order; those in `known` with unchanged size and time are not read again."""
    fresh = [path for path in paths if not _unchanged(path, known.get(path))]
    inspected: dict[Path, ImageFile] = {}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for done, file in enumerate(pool.map(inspect, fresh), start=1):
            inspected[file.path] = file
            on_progress(done, len(fresh))
    return [inspected.get(path) or known[path] for path in paths]


def is_rewritten_by_cvat(path: Path) -> bool:
    """Whether CVAT gives an image back as another file: a TIFF, or a JPEG that carries a rotation; its pixels stay."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            turned = image.getexif().get(ORIENTATION, UPRIGHT) != UPRIGHT
            return image.format == "TIFF" or (image.format in ("JPEG", "MPO") and turned)
    except DAMAGE:
        return False


def list_files(folder: Path) -> list[Path]:
    """All files below a folder in a stable order; hidden ones are left out."""
    found: Iterable[Path] = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def sample_id(content: bytes) -> str:
    """Identity of a sample: the first 96 bits of the SHA-256 of its file."""
    return hashlib.sha256(content).hexdigest()[:SAMPLE_ID_LENGTH]


def is_as_registered(path: Path, expected: str) -> bool:
    """Whether a file still has the content that gave its sample this id."""
    return sample_id(path.read_bytes()) == expected


def _without_padding(image: Image.Image, width: float, height: float) -> Image.Image:
    """A JPEG decoded smaller is padded to whole pixels: what of it the picture fills."""
    whole = int(width), int(height)
    return image if whole == image.size else image.resize(whole, box=(0, 0, width, height))


def _set_aside(file: ImageFile, reason: Quarantine, detail: str = "") -> ImageFile:
    return ImageFile(file.path, file.bytes, file.mtime_ns, reason=reason, detail=detail)


def _unchanged(path: Path, before: ImageFile | None) -> bool:
    if before is None:
        return False
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (before.bytes, before.mtime_ns)
