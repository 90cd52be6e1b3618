"""Pascal VOC annotations, as far as scenes need them."""

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET


def voc_xml(image: str, side: int, labels: Iterable[tuple[str, tuple[int, ...]]]) -> str:
    """The annotation of a square RGB image.

    Args:
        image: File name of the image.
        side: Its width and height in pixels.
        labels: Class name and box of each object; boxes are xyxy pixel edges counted from 0, not from 1.
    """
    root = ET.Element("annotation")
    _texts(root, {"folder": "images", "filename": image})
    _texts(ET.SubElement(root, "size"), {"width": side, "height": side, "depth": 3})
    _texts(root, {"segmented": 0})
    for name, box in labels:
        item = ET.SubElement(root, "object")
        _texts(item, {"name": name, "pose": "Unspecified", "truncated": 0, "difficult": 0})
        corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True))
        _texts(ET.SubElement(item, "bndbox"), corners)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _texts(parent: ET.Element, values: Mapping[str, object]) -> None:
    for tag, value in values.items():
        ET.SubElement(parent, tag).text = str(value)
