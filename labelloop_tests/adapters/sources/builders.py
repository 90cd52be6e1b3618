"""Small data sets on disk: readers do not open images, so a few bytes stand for one."""

import json
from pathlib import Path
from typing import Any

from labelloop.adapters.sources import Source, read_source
from labelloop.settings.model import SourceSettings


def put(root: Path, files: dict[str, Any]) -> Path:
    """Write files; what is no text is written as JSON."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return root


def read(root: Path, kind: str, **settings: Any) -> Source:
    return read_source(SourceSettings(type=kind, path=str(root), **settings), root)


def names(root: Path, paths: Any) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in paths)


def splits(root: Path, source: Source) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): name for path, name in source.splits.items()}


def labels(root: Path, source: Source) -> list[tuple]:
    """(image, kind, label, corners rounded) of every label, in the order of the images."""
    return [
        (path.relative_to(root).as_posix(), str(label.kind), label.label, *(round(value, 6) for value in label.corners))
        for path in sorted(source.labels)
        for label in source.labels[path]
    ]
