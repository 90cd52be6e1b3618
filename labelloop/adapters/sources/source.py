"""What a source brings, and how a reader puts it together: one damaged entry costs its image, not the data set."""

import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import ParseError

import pandas as pd

from labelloop.core.boxes import CORNERS
from labelloop.core.source_labels import SourceLabel
from labelloop.core.vocabulary import LabelKind

BOX_COLUMNS = ["path", "label", *CORNERS]

# What the files of strangers raise while they are read; YAML and JSON errors are ValueErrors.
DAMAGE = (
    ParseError, ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError, ArithmeticError, EOFError,
    zlib.error, csv.Error,
)  # fmt: skip

Size = tuple[float, float]


@dataclass(frozen=True)
class Source:
    """What a source brings.

    Attributes:
        images: Every file in the place of an image, sorted.
        labels: Labels by image, of images that are labelled or tagged.
        labelled: Images of which the source shows every object; there may be none.
        splits: The source's own name of the split of an image, where it has one.
        sizes: Width and height of an image as the source has it, where it says so.
        relative: Images whose labels are in shares of width and height instead of pixels.
        enclose: Images whose polygons and masks may train through their enclosing box.
        damaged: What cannot be read, by the file or the entry in it, with the reason.
        missing: Images that are named somewhere and are not there, sorted.
        classes: Classes in the order of the source's ids, where it has one.
    """

    images: list[Path]
    labels: Mapping[Path, Sequence[SourceLabel]] = field(default_factory=dict)
    labelled: frozenset[Path] = frozenset()
    splits: Mapping[Path, str] = field(default_factory=dict)
    sizes: Mapping[Path, Size] = field(default_factory=dict)
    relative: frozenset[Path] = frozenset()
    enclose: frozenset[Path] = frozenset()
    damaged: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def boxes(self) -> pd.DataFrame:
        """Frame of the upright boxes: path, label, x1, y1, x2, y2, as the source wrote them."""
        rows = [
            (path, label.label, *label.corners)
            for path, labels in self.labels.items()
            for label in labels
            if label.kind is LabelKind.BOX
        ]
        return pd.DataFrame(rows, columns=BOX_COLUMNS)

    @property
    def object_classes(self) -> tuple[str, ...]:
        """Classes of objects: in the order of the source's ids, then those without an id, sorted."""
        kinds = {(label.kind, label.label) for labels in self.labels.values() for label in labels}
        used = {name for kind, name in kinds if kind is not LabelKind.TAG}
        return (*self.classes, *sorted(used - set(self.classes)))


class Collector:
    """What a reader has found so far."""

    def __init__(self, images: Sequence[Path], *, empty_is_background: bool) -> None:
        self.images = list(images)
        self.empty_is_background = empty_is_background
        self.labels: dict[Path, list[SourceLabel]] = {}
        self.labelled: set[Path] = set()
        self.splits: dict[Path, str] = {}
        self.sizes: dict[Path, Size] = {}
        self.damaged: dict[str, str] = {}
        self.missing: set[str] = set()
        self._spoilt: set[Path] = set()

    @contextmanager
    def reading(self, place: object, image: Path | None = None) -> Iterator[None]:
        """What is wrong while a place is read is noted with the place; the image it speaks of is unlabelled."""
        try:
            yield
        except DAMAGE as error:
            self.damaged[str(place)] = " ".join(str(error).split()) or type(error).__name__
            if image is not None:
                self.spoil(image)

    def spoil(self, image: Path) -> None:
        """Not all labels of an image are known: none of them counts."""
        self._spoilt.add(image)

    def put(self, image: Path, labels: Sequence[SourceLabel], *, looked: bool = True) -> None:
        """All that an entry says about an image; whether somebody looked for objects in it.

        Raises:
            ValueError: If another entry has said something else about it.
        """
        if image in self.labels and self.labels[image] != list(labels):
            self.spoil(image)
            raise ValueError(f"{image} was described before, and differently")
        self.labels[image] = list(labels)
        drawn = any(label.kind is not LabelKind.TAG for label in labels)
        if drawn or (looked and self.empty_is_background):
            self.labelled.add(image)

    def tag(self, image: Path, names: Sequence[str]) -> None:
        """Tags of an image: they say nothing about the objects in it, so it stays unlabelled."""
        known = self.labels.setdefault(image, [])
        known += [label for name in names if (label := SourceLabel(LabelKind.TAG, name)) not in known]

    def source(self, *, relative: bool = False, enclose: bool = False, classes: Sequence[str] = ()) -> Source:
        """The source as a whole."""
        labels = {path: found for path, found in self.labels.items() if found and path not in self._spoilt}
        return Source(
            images=self.images,
            labels=labels,
            labelled=frozenset(self.labelled - self._spoilt),
            splits=self.splits,
            sizes=self.sizes,
            relative=frozenset(labels) if relative else frozenset(),
            enclose=frozenset(labels) if enclose else frozenset(),
            damaged=self.damaged,
            missing=tuple(sorted(self.missing)),
            classes=tuple(dict.fromkeys(classes)),
        )
