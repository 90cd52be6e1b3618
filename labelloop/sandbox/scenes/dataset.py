"""Writing a data set of scenes: all of it or nothing, and the same for the same seed."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labelloop.core.errors import ConfigError
from labelloop.sandbox.scenes.drawing import Scene, draw_scene, near_duplicate
from labelloop.sandbox.scenes.material import WORDS, Material, load_material
from labelloop.sandbox.scenes.mistakes import Labels, Mistake, make_mistakes
from labelloop.sandbox.scenes.voc import voc_xml

NEAR_DUPLICATE = 0.06
REPORT_NAME = "scenes.json"


@dataclass(frozen=True)
class Scenes:
    """What is in a data set of scenes; images are named by file name.

    Attributes:
        classes: Names of the classes.
        images: Number of images.
        instances: How many objects there are of each class.
        near_duplicates: Images that repeat an earlier one in other light, with that earlier one.
        night: Images taken in the dark.
        empty: Images with no digit.
        mistakes: How many labels of each kind are wrong in `annotations_with_errors`.
    """

    classes: tuple[str, ...]
    images: int
    instances: dict[str, int]
    near_duplicates: dict[str, str]
    night: tuple[str, ...]
    empty: tuple[str, ...]
    mistakes: dict[str, int]


@dataclass
class _Tally:
    """What was written so far."""

    images: int = 0
    instances: Counter[str] = field(default_factory=Counter)
    near_duplicates: dict[str, str] = field(default_factory=dict)
    night: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


def write_scenes(
    folder: Path, *, count: int = 600, seed: int, side: int = 192, digits: Sequence[int] = (0, 1, 2, 3, 4)
) -> Scenes:
    """Write a Pascal VOC data set of digits on photographs, unless it is already there.

    `images/*.jpg`, the truth in `annotations/*.xml`, the same with 3 % wrong classes, 3 % missing and 3 % shifted
    boxes in `annotations_with_errors/*.xml`, each of those errors in `errors.json`, the report in `scenes.json`.
    The folder appears when all of it is written.

    Args:
        folder: Where; must not exist, be empty, or hold these very scenes.
        count: Number of images.
        seed: Same seed, same annotations (and, with the same versions of the packages, the same pixels).
        side: Width and height of an image in pixels.
        digits: Which digits, the most frequent first; their names in English are the classes.

    Raises:
        ConfigError: If the folder holds something else.
    """
    request = {"count": count, "seed": seed, "side": side, "digits": list(digits)}
    found = _read_report(folder, request)
    if found is not None:
        return found
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name in ("images", "annotations", "annotations_with_errors"):
        (partial / name).mkdir(parents=True)
    tally = _write_all(partial, np.random.default_rng(seed), load_material(side, tuple(digits)), count, side)
    scenes = _summarize(tally, tuple(WORDS[digit] for digit in digits))
    _write_json(partial / "errors.json", [asdict(mistake) for mistake in tally.mistakes])
    _write_json(partial / REPORT_NAME, {"request": request, "scenes": asdict(scenes)})
    partial.rename(folder)
    return scenes


def _read_report(folder: Path, request: dict[str, object]) -> Scenes | None:
    """The report of a data set that is there already, or None if the folder is free."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    path = folder / REPORT_NAME
    report = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if report.get("request") != request:
        raise ConfigError(f"{folder} holds something else than the scenes asked for", "Choose another folder.")
    content: dict[str, Any] = report["scenes"]
    for key in ("classes", "night", "empty"):
        content[key] = tuple(content[key])
    return Scenes(**content)


def _write_all(folder: Path, rng: np.random.Generator, material: Material, count: int, side: int) -> _Tally:
    tally = _Tally()
    classes = [WORDS[digit] for digit in material.strokes]
    fresh: tuple[str, Scene] | None = None
    for index in range(count):
        name = f"scene_{index:04d}.jpg"
        if fresh is not None and rng.random() < NEAR_DUPLICATE:
            scene = near_duplicate(rng, fresh[1])
            tally.near_duplicates[name] = fresh[0]
        else:
            scene = draw_scene(rng, material, side)
            fresh = (name, scene)
        truth = _labels(scene)
        given, mistakes = make_mistakes(rng, name, truth, classes, side)
        _write_scene(folder, name, scene, truth, given)
        _count(tally, name, scene, mistakes)
    return tally


def _labels(scene: Scene) -> Labels:
    return [
        (WORDS[digit], tuple(int(edge) for edge in box)) for digit, box in zip(scene.digits, scene.boxes, strict=True)
    ]


def _write_scene(folder: Path, name: str, scene: Scene, truth: Labels, given: Labels) -> None:
    scene.image.save(folder / "images" / name, quality=90)
    xml = Path(name).with_suffix(".xml").name
    (folder / "annotations" / xml).write_text(voc_xml(name, scene.image.width, truth), encoding="utf-8")
    (folder / "annotations_with_errors" / xml).write_text(voc_xml(name, scene.image.width, given), encoding="utf-8")


def _count(tally: _Tally, name: str, scene: Scene, mistakes: list[Mistake]) -> None:
    tally.images += 1
    tally.instances.update(WORDS[digit] for digit in scene.digits)
    tally.mistakes += mistakes
    if scene.night:
        tally.night.append(name)
    if not len(scene.digits):
        tally.empty.append(name)


def _summarize(tally: _Tally, classes: tuple[str, ...]) -> Scenes:
    return Scenes(
        classes=classes,
        images=tally.images,
        instances={name: tally.instances[name] for name in classes},
        near_duplicates=tally.near_duplicates,
        night=tuple(tally.night),
        empty=tuple(tally.empty),
        mistakes=dict(Counter(mistake.kind for mistake in tally.mistakes)),
    )


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
