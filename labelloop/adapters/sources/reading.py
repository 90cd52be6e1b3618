"""The readers by name, and several sources as one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from labelloop.adapters.sources import coco, cvat_xml, fiftyone_dataset, folder, tags, voc, yolo
from labelloop.adapters.sources.places import folder_of
from labelloop.adapters.sources.source import Source
from labelloop.core.source_labels import SourceLabel
from labelloop.core.vocabulary import LabelKind
from labelloop.settings.model import SourceSettings

Reader = Callable[[Path, SourceSettings], Source]

READERS: Mapping[str, Reader] = {
    "folder": folder.read,
    "voc": voc.read,
    "coco": coco.read,
    "yolo": yolo.read,
    "cvat_xml": cvat_xml.read,
    "fiftyone_dataset": fiftyone_dataset.read,
    "fiftyone_zoo": fiftyone_dataset.read,  # once it is downloaded, see adapters/fiftyone/zoo.py
    "tags": tags.read,
}


def read_source(settings: SourceSettings, project: Path) -> Source:
    """Read the source that the settings name.

    Raises:
        ConfigError: If a folder does not exist, holds nothing, or holds another format.
    """
    if settings.type == "none":
        return Source(images=[])
    return READERS[settings.type](folder_of((project / settings.path).resolve(), "source.path"), settings)


def read_sources(all_settings: Sequence[SourceSettings], project: Path) -> Source:
    """Read several sources as one.

    An image that two sources label has the objects of the first and the tags of both. Classes keep the order of the
    first source; what later ones add comes behind.

    Raises:
        ConfigError: As `read_source`.
    """
    sources = [read_source(settings, project) for settings in all_settings]
    return sources[0] if len(sources) == 1 else merged(sources)


def merged(sources: Sequence[Source]) -> Source:
    """Several sources as one; what is said twice counts as the first source says it."""
    labels: dict[Path, list[SourceLabel]] = {}
    labelled: set[Path] = set()
    relative: set[Path] = set()
    enclose: set[Path] = set()
    for source in sources:
        for path, found in source.labels.items():
            known = labels.setdefault(path, [])
            known += [label for label in found if label not in known and (path not in labelled or _is_tag(label))]
        fresh = source.labels.keys() - labelled
        relative |= source.relative & fresh
        enclose |= source.enclose & fresh
        labelled |= source.labelled
    backwards = list(reversed(sources))
    return Source(
        images=sorted({path for source in sources for path in source.images}),
        labels=labels,
        labelled=frozenset(labelled),
        splits={path: name for source in backwards for path, name in source.splits.items()},
        sizes={path: size for source in backwards for path, size in source.sizes.items()},
        relative=frozenset(relative),
        enclose=frozenset(enclose),
        damaged={place: reason for source in sources for place, reason in source.damaged.items()},
        missing=tuple(sorted({name for source in sources for name in source.missing})),
        classes=tuple(dict.fromkeys(name for source in sources for name in source.classes)),
    )


def _is_tag(label: SourceLabel) -> bool:
    return label.kind is LabelKind.TAG
