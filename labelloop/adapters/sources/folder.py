"""A folder of images, and nothing else."""

from pathlib import Path

from labelloop.adapters.images import list_files
from labelloop.adapters.sources.places import folder_of
from labelloop.adapters.sources.source import Source
from labelloop.core.errors import ConfigError
from labelloop.settings.model import SourceSettings


def read(root: Path, settings: SourceSettings) -> Source:
    """Every file below the folder."""
    images = folder_of(root / settings.images, "source.path")
    files = list_files(images)
    if not files:
        raise ConfigError(f"source.path: {images} holds no file", "Put images there or correct labelloop.yaml.")
    return Source(images=files)
