"""A label version file, read once: a stage asks for the labels it has just written again and again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelloop.adapters.files.atomic import read_json, write_json
from labelloop.core.annotation import TaskContent, content_hash
from labelloop.core.drawn import unknown_labels
from labelloop.core.label_version import LabelVersion, project
from labelloop.core.schema import Schema

MOST_KEPT = 2  # label versions that a process holds in memory; one of a large project takes hundreds of megabytes


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """What a label version file holds.

    Attributes:
        contents: The tasks as they were taken back.
        sample_of: Sample id by frame name.
        schema: The classes of that time.
        looked_for: Version of the class list that people had, by sample id; None in files of an older labelloop.
        image_classes: Classes of whole images.
        provenance: What became of shapes that a model drew, by shape id.
    """

    contents: tuple[TaskContent, ...]
    sample_of: Mapping[str, str]
    schema: Schema
    looked_for: Mapping[str, int] | None
    image_classes: tuple[str, ...] = ()
    provenance: Mapping[int, str] = field(default_factory=dict)
    _versions: dict[str, LabelVersion] = field(default_factory=dict, repr=False)

    def version(self, today: Schema) -> LabelVersion:
        """The labels, projected with the classes of their time, named as today.

        Raises:
            LabelError: If the content does not add up.
        """
        schema = today.at(self.schema.version)
        key = content_hash(schema.to_dict())
        if key not in self._versions:
            made = project(self.contents, self.sample_of, schema, self.looked_for, self.image_classes)
            self._versions[key] = made.with_sources(self.provenance)
        return self._versions[key]

    def to_dict(self) -> dict[str, Any]:
        """The file as JSON-like values."""
        stored = {
            "contents": [content.to_dict() for content in self.contents],
            "sample_of": dict(self.sample_of),
            "schema": self.schema.to_dict(),
            "looked_for": self.looked_for,
            "image_classes": list(self.image_classes),
        }
        return stored | ({"provenance": dict(self.provenance)} if self.provenance else {})

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "StoredLabels":
        """What `to_dict` made, read back from JSON."""
        return cls(
            contents=tuple(TaskContent.from_dict(content) for content in stored["contents"]),
            sample_of=stored["sample_of"],
            schema=Schema.from_dict(stored["schema"]),
            looked_for=stored.get("looked_for"),
            image_classes=tuple(stored.get("image_classes", ())),
            provenance={int(shape): source for shape, source in stored.get("provenance", {}).items()},
        )


def record_of(contents: Sequence[TaskContent], schema: Schema, image_classes: Sequence[str]) -> dict[str, str]:
    """What is noted of a label version: its revision, and that of what people drew, whatever the classes were."""
    drawn = [content.revision for content in contents]
    # A class of another name is the same class, so their number is enough.
    said = [each for each in (list(image_classes), unknown_labels(contents, schema, image_classes)) if each]
    return {"revision": content_hash([drawn, len(schema.classes), *said]), "drawn": content_hash(drawn)}


class LabelFiles:
    """Label version files, of which those used last are kept in memory; one that was written anew is read anew."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int, int], StoredLabels] = {}

    def read(self, path: Path, missing: str) -> StoredLabels:
        """What a file holds; `missing` says what to run first when it is not there."""
        key = _state(path) if path.is_file() else None
        kept = self._kept.pop(key, None) if key else None
        return self._keep(path, kept or StoredLabels.from_dict(read_json(path, missing)))

    def write(self, path: Path, stored: StoredLabels) -> None:
        """Write a file."""
        write_json(path, stored.to_dict(), compact=True)
        self._keep(path, stored)

    def _keep(self, path: Path, stored: StoredLabels) -> StoredLabels:
        self._kept[_state(path)] = stored
        for oldest in list(self._kept)[:-MOST_KEPT]:
            del self._kept[oldest]
        return stored


def _state(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path), status.st_ino, status.st_mtime_ns
