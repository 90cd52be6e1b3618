"""What `labelloop init --from` finds out by itself: format, classes, splits, labels; told in a few lines."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelloop.adapters.sources import Source, read_source
from labelloop.adapters.sources.detect import detect
from labelloop.core.errors import ConfigError
from labelloop.core.vocabulary import SPLIT_ALIASES, LabelKind
from labelloop.settings.model import SourceSettings

CVAT_PREFIX = "cvat:"
CVAT_URL = re.compile(r"(?P<server>https?://[^/]+(?:/[^/]+)*)/projects/(?P<number>\d+)/?")
ZOO_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MOST_CLASSES = 12


@dataclass(frozen=True)
class Proposal:
    """Values for labelloop.yaml, and what to tell about them.

    Attributes:
        values: Top-level keys of labelloop.yaml.
        said: Lines for the terminal.
    """

    values: dict[str, Any]
    said: tuple[str, ...]


def propose(given: str, folder: Path, *, sandbox: bool) -> Proposal:
    """What labelloop.yaml should say about a folder, a file, a name of FiftyOne's zoo, or a CVAT project.

    Args:
        given: What `--from` names: a path, a zoo name, `cvat:NAME`, or the address of a CVAT project.
        folder: Folder of labelloop.yaml.
        sandbox: The labels of the source will be hidden.

    Raises:
        ConfigError: If it is none of these.
        CvatError: If the CVAT project is not to be had.
    """
    if given.startswith(CVAT_PREFIX) or CVAT_URL.fullmatch(given):
        if sandbox:
            raise ConfigError("--sandbox works on local images", "Leave out --sandbox, or name a folder.")
        return _of_cvat(given, folder)
    if Path(given).exists():
        return _of_path(Path(given), folder, sandbox=sandbox)
    return _of_zoo(given)


def _of_path(place: Path, folder: Path, *, sandbox: bool) -> Proposal:
    found, *others = detect(Path(os.path.abspath(place)))  # noqa: PTH100  # links keep the name the user gave them
    source = read_source(found, folder)
    outlines = _kinds(source)[LabelKind.POLYGON] + _kinds(source)[LabelKind.MASK]
    path = found.path if place.is_absolute() else Path(os.path.relpath(found.path, folder)).as_posix()
    settings = found.model_copy(update={"path": path, "shapes_as_boxes": outlines > 0})
    trust = "all" if source.labelled and not sandbox else "none"
    values = {"source": settings, "classes": list(source.object_classes), "trust_source_labels": trust}
    also = ", ".join(other.type for other in others if other.type != "folder")
    return Proposal(values, tuple(_told(settings, source, also, sandbox=sandbox)))


def _told(settings: SourceSettings, source: Source, also: str, *, sandbox: bool) -> Iterator[str]:
    counted = f"{len(source.images)} images, {len(source.labelled)} labelled"
    yield f"found {settings.type} in {settings.path}: {counted}"
    if also:
        yield f"it also looks like {also}: set source.type if you mean that"
    kinds = _kinds(source)
    if kinds:
        yield "labels: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    if source.object_classes:
        shown = ", ".join(source.object_classes[:MOST_CLASSES])
        rest = len(source.object_classes) - MOST_CLASSES
        yield f"classes: {shown}{f' and {rest} more' if rest > 0 else ''}"
    else:
        yield "classes: none found; set classes in labelloop.yaml"
    yield from _told_splits(source)
    if settings.shapes_as_boxes:
        yield "polygons and masks train through their enclosing box (source.shapes_as_boxes: true)"
    if source.labelled:
        hidden = (
            "hidden, the sandbox's annotators answer from them" if sandbox else "trusted (trust_source_labels: all)"
        )
        yield f"the labels of {len(source.labelled)} images are {hidden}"
    for name, entries in (("cannot be read", len(source.damaged)), ("named and not there", len(source.missing))):
        if entries:
            yield f"{entries} entries {name}; prepare_pool lists them"


def _told_splits(source: Source) -> Iterator[str]:
    splits = Counter(source.splits.values())
    if splits:
        yield "splits: " + ", ".join(f"{name} {count}" for name, count in splits.most_common()) + " (kept)"
    unknown = sorted(name for name in splits if name.strip().lower() not in SPLIT_ALIASES)
    if unknown:
        yield f"unknown splits {', '.join(unknown)}: rename them, or set splits.from_source: false"


def _kinds(source: Source) -> Counter[str]:
    return Counter(str(label.kind) for labels in source.labels.values() for label in labels)


def _of_zoo(given: str) -> Proposal:
    """A name of FiftyOne's zoo; the data set itself is downloaded by prepare_pool."""
    from labelloop.adapters.fiftyone.zoo import names  # noqa: PLC0415  # only here, and it takes seconds

    if not ZOO_NAME.fullmatch(given) or given not in (known := names()):
        near = (
            f" or one of FiftyOne's zoo such as {', '.join(known[:3])}" if ZOO_NAME.fullmatch(given) and known else ""
        )
        raise ConfigError(
            f"--from: {given} is not a folder, a file, a data set of FiftyOne's zoo or a CVAT project",
            f"Name the folder of your images{near}, or cvat:PROJECT.",
        )
    source = SourceSettings(type="fiftyone_zoo", path=given)
    values = {"source": source, "trust_source_labels": "all"}
    said = f"found '{given}' in FiftyOne's zoo: prepare_pool downloads it; its labels are trusted and name the classes"
    return Proposal(values, (said,))


def _of_cvat(given: str, folder: Path) -> Proposal:
    from labelloop.adapters.cvat import access, client, projects, pull  # noqa: PLC0415  # cvat_sdk takes seconds

    address = CVAT_URL.fullmatch(given)
    environment = {**os.environ, **({"CVAT_URL": address["server"]} if address else {})}
    server = client.connect(access.access_from_environment(environment, ""))
    if address:
        project = projects.find_project(server, int(address["number"]))
    else:
        project = projects.find_project(server, given.removeprefix(CVAT_PREFIX))
    finished = len(pull.finished_tasks(server, project.id))
    images = (folder / "images").is_dir()
    values = {
        "source": SourceSettings() if images else SourceSettings(type="none"),
        "classes": list(project.label_ids),
        "annotation": {"pull_project": project.name},
    }
    said = [f"found CVAT project '{project.name}': {finished} finished tasks, which cvat_pull brings in"]
    said.append(f"classes: {', '.join(project.label_ids)}")
    said += [] if images else ["no folder images here: set source to the images that people shall label next"]
    said += [f"set CVAT_URL={address['server']} where labelloop runs"] if address else []
    return Proposal(values, tuple(said))
