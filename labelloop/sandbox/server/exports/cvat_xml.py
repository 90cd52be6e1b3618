"""CVAT for images 1.1: everything that is drawn, as CVAT's own XML."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from labelloop.sandbox.server.exports.scene import Image, Scene
from labelloop.sandbox.server.store import Row

ELEMENTS = {
    "rectangle": "box", "polygon": "polygon", "polyline": "polyline", "points": "points", "ellipse": "ellipse",
    "mask": "mask", "cuboid": "cuboid", "skeleton": "skeleton",
}  # fmt: skip


def document(scene: Scene) -> bytes:
    """The `annotations.xml` of an export."""
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    _meta(root, scene)
    names = {label["id"]: label["name"] for label in scene.labels}
    for number, image in enumerate(scene.images):
        _image(root, number, image, scene, names)
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _meta(root: Element, scene: Scene) -> None:
    holder = SubElement(SubElement(root, "meta"), scene.target)
    SubElement(holder, "name").text = scene.name
    SubElement(holder, "size").text = str(len(scene.images))
    listed = SubElement(holder, "labels")
    for label in scene.labels:
        item = SubElement(listed, "label")
        for key in ("name", "color", "type"):
            SubElement(item, key).text = label[key]
    if scene.target == "project":
        tasks = SubElement(holder, "tasks")
        for task in scene.tasks:
            item = SubElement(tasks, "task")
            for key in ("id", "name", "subset"):
                SubElement(item, key).text = str(task[key])


def _image(root: Element, number: int, image: Image, scene: Scene, names: dict[int, str]) -> None:
    attributes = {"id": str(image.number if scene.target != "project" else number), "name": image.path}
    if scene.target == "project":
        attributes |= {"subset": image.task["subset"] or "default", "task_id": str(image.task["id"])}
    size = {"width": str(image.frame["width"]), "height": str(image.frame["height"])}
    element = SubElement(root, "image", {**attributes, **size})
    for shape in image.shapes:
        _shape(element, shape, scene, names)
    for tag in image.tags:
        item = SubElement(element, "tag", {"label": names[tag["label_id"]], "source": tag["source"]})
        _attributes(item, tag, scene)


def _shape(parent: Element, shape: Row, scene: Scene, names: dict[int, str]) -> None:
    attributes = {
        "label": names[shape["label_id"]], "source": shape["source"], "occluded": str(int(shape["occluded"])),
        **_geometry(shape), "z_order": str(shape["z_order"]),
    }  # fmt: skip
    if shape["rotation"]:
        attributes["rotation"] = f"{shape['rotation']:.2f}"
    if shape["group"]:
        attributes["group_id"] = str(shape["group"])
    item = SubElement(parent, ELEMENTS[shape["type"]], attributes)
    _attributes(item, shape, scene)
    for element in shape.get("elements", ()):
        _shape(item, element, scene, names)


def _attributes(item: Element, holder: Row, scene: Scene) -> None:
    for attribute in holder["attributes"]:
        element = SubElement(item, "attribute", {"name": scene.attribute_names[attribute["spec_id"]]})
        element.text = attribute["value"]


def _geometry(shape: Row) -> dict[str, str]:
    points = shape["points"]
    if shape["type"] == "rectangle":
        return _named(("xtl", "ytl", "xbr", "ybr"), points)
    if shape["type"] == "ellipse":
        x, y, right, top = points
        return _named(("cx", "cy", "rx", "ry"), (x, y, right - x, y - top))
    if shape["type"] == "mask":
        *runs, left, top, right, bottom = (int(value) for value in points)
        box = {"left": left, "top": top, "width": right - left + 1, "height": bottom - top + 1}
        return {"rle": ", ".join(map(str, runs)), **{name: str(value) for name, value in box.items()}}
    if shape["type"] == "skeleton":
        return {}
    pairs = zip(points[::2], points[1::2], strict=True)
    return {"points": ";".join(f"{x:.2f},{y:.2f}" for x, y in pairs)}


def _named(names: Sequence[str], values: Sequence[float]) -> dict[str, str]:
    return {name: f"{value:.2f}" for name, value in zip(names, values, strict=True)}
