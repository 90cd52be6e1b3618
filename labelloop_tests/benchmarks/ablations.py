"""Why does choosing not help? `python -m labelloop_tests.benchmarks.ablations STUDY FOLDER [options of the command]`.

Each study changes one thing of the digit scenes of `selection.py` that could be the reason, and replays the loop with
it: how long trainings are, how few labels there are, what the embeddings see, how often the pool repeats itself, and
how rare a class is. `--only-tables` writes what is there so far. The small tables are copied to `results/`.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from labelloop.sandbox.scenes.drawing import Scene, draw_scene
from labelloop.sandbox.scenes.material import WORDS, Material, load_material
from labelloop.sandbox.scenes.voc import voc_xml
from labelloop_tests.benchmarks.selection import digits as plain
from labelloop_tests.benchmarks.selection import keep_results, replay_of

SEED, SIDE, VAL, TEST = 2027, 192, 80, 200
CAMERAS, FRAMES, SINGLE = 6, 60, 120  # of the pool that repeats itself
SHAKE = 16  # pixels by which a camera that stands still moves
RARE, SHARE = 9, 0.04  # a digit, and the share of images that it is in

Drawn = Iterator[tuple[str, Scene]]  # the split each is in


@dataclass(frozen=True)
class Study:
    """What is replayed, and how it differs from `selection.py`.

    Attributes:
        changes: Sections of labelloop.yaml, merged into those of the digit scenes.
        scenes: What draws another pool; None: the same scenes.
        strategies: What is compared with random.
        labels: Labelled images at each turn.
        seeds: How many replays.
    """

    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    scenes: Callable[[np.random.Generator], Drawn] | None = None
    strategies: str = "zcore,entropy,hybrid"
    labels: str = "40,80,120"
    seeds: str = "3"


def repeating(rng: np.random.Generator) -> Drawn:
    """Three quarters of the pool are frames of cameras that stand still; what is measured on is drawn anew."""
    material = load_material(SIDE + SHAKE, (0, 1, 2, 3, 4))
    still = [draw_scene(rng, material, SIDE + SHAKE) for _ in range(CAMERAS)]
    for scene in [each for each in still for _ in range(FRAMES)] + _fresh(rng, material, SINGLE):
        yield "train", frame(rng, scene)
    for split, count in (("val", VAL), ("test", TEST)):
        for scene in _fresh(rng, material, count):
            yield split, frame(rng, scene)


def rare(rng: np.random.Generator) -> Drawn:
    """One class is in few images of the pool, and in a fifth of those measured on, where it counts as any other."""
    often = load_material(SIDE, (0, 1, 2, 3, 4))
    seldom = load_material(SIDE, (RARE, 0, 1, 2, 3))
    for split, count, share in (("train", 420, SHARE), ("val", VAL, 0.2), ("test", TEST, 0.2)):
        few = set(rng.permutation(count)[: round(share * count)].tolist())
        for number in range(count):
            scene = draw_scene(rng, seldom if number in few else often, SIDE)
            while number in few and RARE not in scene.digits:
                scene = draw_scene(rng, seldom, SIDE)
            yield split, scene


STUDIES = {
    "longer": Study({"train": {"epochs_first": 36, "epochs": 24}}),
    "fewer": Study(labels="10,20,40"),
    "yolo": Study({"embeddings": {"provider": "yolo", "model": "labelloop:digits"}}),
    "repeating": Study(scenes=repeating, strategies="zcore,k_center,typiclust,entropy,hybrid"),
    # The same pool without the rule that keeps near-copies of what is labelled or chosen out of every batch.
    "copies": Study(
        {"splits": {"duplicate_distance": 0}, "batch": {"twin_cosine": 1.0}}, repeating, strategies="zcore,hybrid"
    ),
    "rare": Study(scenes=rare, strategies="zcore,entropy,hybrid,hybrid+class_balanced"),
}


def frame(rng: np.random.Generator, scene: Scene) -> Scene:
    """A scene as a camera sees it that trembles, in other light, with noise; digits that are cut in half are none."""
    left, top = (int(each) for each in rng.integers(0, SHAKE + 1, size=2))
    window = scene.image.crop((left, top, left + SIDE, top + SIDE))
    light = np.asarray(ImageEnhance.Brightness(window).enhance(rng.uniform(0.75, 1.25)), dtype=np.float64)
    noisy = light + rng.normal(0, 4, size=light.shape)
    boxes = (scene.boxes - [left, top, left, top]).clip(0, SIDE)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    seen = area > 0.5 * (scene.boxes[:, 2:] - scene.boxes[:, :2]).prod(axis=1)
    image = Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))
    return replace(scene, image=image, boxes=boxes[seen], digits=scene.digits[seen])


def write(folder: Path, drawn: Drawn) -> None:
    """Scenes as Pascal VOC with the splits they are in; a folder that is there stays."""
    if folder.is_dir():
        return
    partial = folder.with_name(f"{folder.name}.partial")
    images, boxes, splits = partial / "images", partial / "annotations", partial / "splits"
    for each in (images, boxes, splits):
        each.mkdir(parents=True, exist_ok=True)
    names: dict[str, list[str]] = {}
    for number, (split, scene) in enumerate(drawn):
        name = f"scene_{number:04d}"
        names.setdefault(split, []).append(name)
        scene.image.save(images / f"{name}.jpg", quality=90)
        labels = [
            (WORDS[int(digit)], tuple(map(int, box))) for digit, box in zip(scene.digits, scene.boxes, strict=True)
        ]
        (boxes / f"{name}.xml").write_text(voc_xml(f"{name}.jpg", SIDE, labels), encoding="utf-8")
    for split, own in names.items():
        (splits / f"{split}.txt").write_text("\n".join(own) + "\n", encoding="utf-8")
    partial.rename(folder)


def config_of(study: Study, folder: Path) -> dict[str, Any]:
    """labelloop.yaml of a study, whose scenes are drawn where they are missing."""
    config = plain(folder)
    if study.scenes:
        write(folder / "voc", study.scenes(np.random.default_rng(SEED)))
        config["source"]["path"] = "voc"
        config["splits"] = {"golden": 0}  # the others are those of the source
    for section, values in study.changes.items():
        config[section] = config.get(section, {}) | values
    return config


def _fresh(rng: np.random.Generator, material: Material, count: int) -> list[Scene]:
    return [draw_scene(rng, material, SIDE + SHAKE) for _ in range(count)]


def main() -> None:
    """Run one study and keep its results."""
    name, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    study = STUDIES[name]
    asked = ["--strategies", study.strategies, "--seeds", study.seeds, "--budget", study.labels]
    replay_of(config_of(study, folder), folder, [*asked, *sys.argv[3:]])
    keep_results(folder, f"digits_{name}")


if __name__ == "__main__":
    main()
