"""What the frames of a task carry, told in names alone: equal for two tasks exactly when nothing got lost between them.

Ids of shapes, labels and attributes are those of one task on one server. Numbers are compared as they are: CVAT keeps
coordinates and angles at full precision. Texts are compared as CVAT keeps them, without spaces at their ends.
"""

from collections.abc import Mapping, Set
from typing import Any

from labelloop.core.annotation import RawShape, TaskContent, content_hash

Said = tuple[str, str]  # name of a label and of one of its attributes

# What CVAT writes where nothing was said.
DRAWN_DEFAULTS = {"occluded": False, "outside": False, "z_order": 0}
NUMBERS_OF_A_TASK = frozenset({"id", "label_id", "frame", "attributes", "elements", "shapes", "points", "rotation"})


def carried(content: TaskContent, only: Set[Said] | None = None) -> dict[str, Any]:
    """All that a task holds, by the names of its frames; shapes, tags and tracks in an order of their own.

    Args:
        content: The task.
        only: Attributes that count; all of them when it is left out.
    """
    names = {frame.frame: frame.name for frame in content.frames}
    tracks = {track["id"]: track for frame in content.frames for track in frame.tracks}
    return {
        "deleted": sorted(frame.name for frame in content.frames if frame.deleted),
        "frames": {
            frame.name: {
                "shapes": _in_order(plain(shape, names, only) for shape in frame.shapes),
                "tags": _in_order(plain(tag, names, only) for tag in frame.tags),
            }
            for frame in content.frames
        },
        "tracks": _in_order(plain(track, names, only) for track in tracks.values()),
    }


def differing(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Where two tasks differ, in words: names of frames, `tracks`, `deleted frames`."""
    places = [name for name, frame in wanted["frames"].items() if found["frames"].get(name) != frame]
    places += [name for name in found["frames"] if name not in wanted["frames"]]
    places += ["tracks"] if wanted["tracks"] != found["tracks"] else []
    return places + (["deleted frames"] if wanted["deleted"] != found["deleted"] else [])


def attributes_said(content: TaskContent) -> set[Said]:
    """Every attribute that is said of something in a task, with its label."""
    kinds = (kind for frame in content.frames for kind in (frame.shapes, frame.tags, frame.tracks))
    return {said for items in kinds for item in items for said in said_of(item)}


def said_of(item: RawShape) -> set[Said]:
    """Every attribute that is said of a shape, tag or track and its parts, with its label."""
    return _said(item, item["label"])


def _said(item: RawShape, label: str) -> set[Said]:
    own = {(label, value["name"]) for value in item.get("attributes", ())}
    inner = [(part, part.get("label", label)) for key in ("shapes", "elements") for part in item.get(key, ())]
    return own.union(*(_said(part, name) for part, name in inner))


def plain(item: RawShape, names: Mapping[int, str], only: Set[Said] | None = None, label: str = "") -> dict[str, Any]:
    """An object in names alone, with CVAT's defaults where nothing is said: equal objects give equal values.

    Args:
        item: A shape, tag or track, or a part of one.
        names: Name of each frame.
        only: Attributes that count; all of them when it is left out.
        label: Label of what the item is a part of.
    """
    label = item.get("label", label)
    rest = {key: value for key, value in item.items() if key not in NUMBERS_OF_A_TASK}
    told = {**rest, "frame": names[int(item["frame"])], "attributes": _attributes(item, label, only)}
    if "label" in item:
        told |= {"group": item.get("group") or None, "source": item.get("source", "manual")}
    if "type" in item:
        numbers = {"points": _floats(item.get("points", ())), "rotation": float(item.get("rotation", 0.0))}
        told = {**DRAWN_DEFAULTS, **told, **numbers}
    if "shapes" in item:
        told["shapes"] = _in_order(plain(keyframe, names, only, label) for keyframe in item["shapes"])
    parts = [plain({"frame": item["frame"], **part}, names, only) for part in item.get("elements", ())]
    return {**told, "elements": _in_order(parts)}


def _attributes(item: RawShape, label: str, only: Set[Said] | None) -> dict[str, str]:
    said = {value["name"]: str(value["value"]).strip() for value in item.get("attributes", ())}
    return {name: value for name, value in said.items() if only is None or (label, name) in only}


def _floats(points: Any) -> list[float]:
    return [float(value) + 0.0 for value in points]  # there is no minus zero


def _in_order(items: Any) -> list[dict[str, Any]]:
    return sorted(items, key=content_hash)
