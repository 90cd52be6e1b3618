"""Names under which images travel: people recognise the original, and a frame maps back to its sample without state."""

import html
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from labelloop.core.annotation import UploadImage
from labelloop.core.errors import LabelError, MissingStateError

ID_LENGTH = 12
MOST_STEM_BYTES = 120  # a file name may have 255 bytes on the server's disk
# CVAT looks at the suffix alone and leaves out, without a word, what it does not take for an image.
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\":*<>|]+')


def upload_names(samples: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Name to upload each image under: `<stem>.<start of sample id><suffix>`, unique within the call.

    CVAT keeps base names alone, and the same base name in two folders is ordinary data.

    Args:
        samples: `(sample_id, original path)` of each image.

    Returns:
        Upload name by sample id.

    Raises:
        LabelError: If a sample is there twice.
    """
    short = Counter(sample_id[:ID_LENGTH] for sample_id, _ in samples)
    names = {
        sample_id: _upload_name(sample_id if short[sample_id[:ID_LENGTH]] > 1 else sample_id[:ID_LENGTH], path)
        for sample_id, path in samples
    }
    if len(names) < len(samples):
        twice = next(key for key, count in Counter(sample_id for sample_id, _ in samples).items() if count > 1)
        raise LabelError(f"sample {twice} is to be sent twice in one batch")
    return names


def sample_ids_of(names: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """Sample id of each upload name, from the name alone.

    Args:
        names: Frame names as the server has them.
        known: Ids of all samples there are.

    Raises:
        LabelError: If a name belongs to no known sample, or to several.
    """
    by_start: dict[str, list[str]] = {}
    for sample_id in known:
        by_start.setdefault(sample_id[:ID_LENGTH], []).append(sample_id)
    return {name: _sample_id(name, by_start) for name in names}


def split_images(images: Sequence[UploadImage], max_images: int, max_bytes: int) -> list[tuple[UploadImage, ...]]:
    """Cut a batch into tasks of at most `max_images` images and `max_bytes` bytes, in order.

    An image larger than `max_bytes` is a task of its own.

    Raises:
        MissingStateError: If an image is not on disk any more.
    """
    parts: list[list[UploadImage]] = []
    room = 0
    for image in images:
        size = _bytes_of(image)
        if not parts or len(parts[-1]) >= max_images or size > room:
            parts.append([])
            room = max_bytes
        parts[-1].append(image)
        room -= size
    return [tuple(part) for part in parts]


def _bytes_of(image: UploadImage) -> int:
    try:
        return image.path.stat().st_size
    except FileNotFoundError:
        raise MissingStateError(
            f"image {image.path} of sample {image.sample_id} is gone", "Put it back, or run prepare_pool again."
        ) from None


def _upload_name(token: str, path: str) -> str:
    original = PurePosixPath(Path(path).as_posix())
    stem = "".join(letter if letter.isprintable() else "_" for letter in FORBIDDEN.sub("_", original.stem))
    if html.unescape(stem) != stem:  # CVAT would resolve what looks like an HTML entity: cats&notdogs
        stem = stem.replace("&", "_")
    stem = stem.strip(" .") or "image"
    # Cut by bytes, at a whole character; what no encoding knows becomes a question mark.
    stem = stem.encode("utf-8", "replace")[:MOST_STEM_BYTES].decode("utf-8", "ignore").rstrip(" .")
    suffix = original.suffix.lower()
    return f"{stem}.{token}{suffix if suffix in IMAGE_SUFFIXES else '.jpg'}"


def _sample_id(name: str, by_start: Mapping[str, list[str]]) -> str:
    # The id is the part before the suffix; it is looked for from the end, for the stem may have dots of its own.
    for token in reversed(name.split(".")[1:]):
        fitting = [sample for sample in by_start.get(token[:ID_LENGTH], []) if sample.startswith(token)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise LabelError(f"frame '{name}' may be any of the samples {', '.join(sorted(fitting))}")
    raise LabelError(
        f"frame '{name}' belongs to no sample of this project", "Was it uploaded by hand, or from another home?"
    )
