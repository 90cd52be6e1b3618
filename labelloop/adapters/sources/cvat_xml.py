"""CVAT for images 1.1: what is drawn, as CVAT's own XML keeps it."""

import cmath
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defusedxml.ElementTree import parse

from labelloop.adapters.sources.places import Finder, annotation_files, images_below
from labelloop.adapters.sources.source import Collector, Source
from labelloop.core.errors import ConfigError
from labelloop.core.masks import pixels_of
from labelloop.core.source_labels import SourceLabel, enclosing
from labelloop.core.vocabulary import LabelKind
from labelloop.settings.model import SourceSettings

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NO_SUBSET = ("", "default")
BOX_EDGES = ("xtl", "ytl", "xbr", "ybr")
KNOWN = {"label", "points", "rle", "left", "top", "width", "height", "rotation", *BOX_EDGES}
CUBOID_CORNERS = ("tl1", "bl1", "tr1", "br1", "tl2", "bl2", "tr2", "br2")
KINDS = {"polygon": LabelKind.POLYGON, "polyline": LabelKind.POLYLINE, "points": LabelKind.POINTS}


def read(root: Path, settings: SourceSettings) -> Source:
    """Every shape and tag, in pixels; a turned rectangle is a polygon, subsets are splits.

    An image without a shape is unlabelled unless `empty_means` is background: CVAT lists every image of a task,
    whether somebody looked at it or not.

    Raises:
        ConfigError: If no file is CVAT's.
    """
    images = images_below(root / settings.images)
    found = Collector(images, empty_is_background=settings.empty_means == "background")
    finder, classes, documents = Finder(images), [], 0
    for xml in annotation_files(root, settings, ".xml"):
        with found.reading(xml):
            document = parse(xml).getroot()
            if document is None or document.tag != "annotations":
                raise ValueError("no annotations of CVAT")
            if document.find("track") is not None:
                raise ValueError("CVAT for video: export as 'CVAT for images 1.1'")
            documents += 1
            classes += [(label.findtext("name") or "").strip() for label in document.iterfind("meta/*/labels/label")]
            for element in document.iterfind("image"):
                _read_image(xml, element, root, finder, found)
    if not documents:
        why = "".join(f"; {place}: {reason}" for place, reason in found.damaged.items())
        raise ConfigError(f"source.path: {root} holds no XML of CVAT for images{why}", "Name it in source.annotations.")
    return found.source(enclose=settings.shapes_as_boxes, classes=[name for name in classes if name])


def _read_image(xml: Path, element: "Element", root: Path, finder: Finder, found: Collector) -> None:
    name, subset = element.get("name", ""), element.get("subset", "")
    with found.reading(f"{xml}: {name}"):
        bases = [xml.parent, root]
        near = [base / sub for base in bases for sub in ("", "images", f"images/{subset}", subset)]
        image = finder.find(name, near)
        if image is None:
            found.missing.add(name)
            return
        found.splits |= {image: subset} if subset.lower() not in NO_SUBSET else {}
        with found.reading(f"{xml}: {name}", image):
            size = float(element.get("width") or 0), float(element.get("height") or 0)
            found.sizes |= {image: size} if all(size) else {}
            found.put(image, [_label(shape) for shape in element])


def _label(shape: "Element") -> SourceLabel:
    name = (shape.get("label") or "").strip()
    about: dict[str, Any] = {key: value for key, value in shape.attrib.items() if key not in KNOWN}
    about |= {item.get("name", ""): item.text or "" for item in shape.iterfind("attribute")}
    if shape.tag == "tag":
        return SourceLabel(LabelKind.TAG, name, detail={"attributes": about} if about else {})
    if shape.tag == "box":
        return _box(shape, name, about)
    if shape.tag in KINDS:
        return SourceLabel.drawn(KINDS[shape.tag], name, [_points(shape)], attributes=about)
    if shape.tag == "mask":
        return _mask(shape, name, about)
    if shape.tag == "skeleton":
        points = [point for part in shape.iterfind("points") for point in _points(part)]
        parts = [part.get("label", "") for part in shape.iterfind("points")]
        return SourceLabel.drawn(LabelKind.POINTS, name, [points], names=parts, attributes=about)
    return _other(shape, name, about)


def _points(shape: "Element") -> list[tuple[float, float]]:
    pairs = [pair.split(",") for pair in (shape.get("points") or "").split(";") if pair.strip()]
    return [(float(x), float(y)) for x, y in pairs]


def _box(shape: "Element", name: str, about: dict[str, Any]) -> SourceLabel:
    x1, y1, x2, y2 = (float(shape.attrib[edge]) for edge in BOX_EDGES)
    rotation = float(shape.get("rotation") or 0) % 360
    if not rotation:
        return SourceLabel.box(name, (x1, y1, x2, y2), attributes=about)
    ring = turned((x1, y1, x2, y2), rotation)
    return SourceLabel.drawn(
        LabelKind.POLYGON, name, [ring], rotation=rotation, unturned=[x1, y1, x2, y2], attributes=about
    )


def turned(corners: tuple[float, float, float, float], degrees: float) -> list[tuple[float, float]]:
    """The four corners of a box that is turned clockwise about its centre."""
    x1, y1, x2, y2 = corners
    centre, turn = complex((x1 + x2) / 2, (y1 + y2) / 2), cmath.rect(1.0, math.radians(degrees))
    points = [centre + (complex(x, y) - centre) * turn for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))]
    return [(point.real, point.imag) for point in points]


def _mask(shape: "Element", name: str, about: dict[str, Any]) -> SourceLabel:
    left, top, width, height = (int(shape.attrib[key]) for key in ("left", "top", "width", "height"))
    runs = [int(run) for run in shape.attrib["rle"].split(",")]
    pixels_of(runs, width, height)  # refuses what does not fill the box
    mask = {"runs": runs, "left": left, "top": top, "width": width, "height": height}
    detail = {"mask": mask, **({"attributes": about} if about else {})}
    return SourceLabel(LabelKind.MASK, name, (left, top, left + width, top + height), detail)


def _other(shape: "Element", name: str, about: dict[str, Any]) -> SourceLabel:
    """An ellipse or a cuboid, kept as it was written."""
    written = dict(shape.attrib)
    if shape.tag == "ellipse":
        cx, cy, rx, ry = (float(written[key]) for key in ("cx", "cy", "rx", "ry"))
        corners = cx - rx, cy - ry, cx + rx, cy + ry
    elif shape.tag == "cuboid":
        corners = enclosing([(float(written[f"x{at}"]), float(written[f"y{at}"])) for at in CUBOID_CORNERS])
    else:
        raise ValueError(f"a shape that CVAT for images does not have: {shape.tag}")
    return SourceLabel(LabelKind.OTHER, name, corners, {"type": shape.tag, "written": written, "attributes": about})
