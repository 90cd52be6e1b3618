"""Scenes: the truth is in the pictures, the injected errors are on record, a killed generation is redone."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from defusedxml.ElementTree import parse
from PIL import Image

from labelloop.core.errors import ConfigError
from labelloop.sandbox.scenes import Scenes, dataset, write_scenes

COUNT = 120


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scenes]:
    folder = tmp_path_factory.mktemp("sandbox") / "scenes"
    return folder, write_scenes(folder, count=COUNT, seed=51)


def labels(folder: Path, image: str) -> list[tuple[str, tuple[int, ...]]]:
    root = parse(folder / f"{Path(image).stem}.xml").getroot()
    keys = ("xmin", "ymin", "xmax", "ymax")
    return [
        (str(item.findtext("name")), tuple(int(str(item.findtext(f"bndbox/{key}"))) for key in keys))
        for item in root.iter("object")
    ]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "images").iterdir())


def grey(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=float)


def test_every_image_has_both_annotations(drawn: tuple[Path, Scenes]) -> None:
    folder, scenes = drawn
    stems = {Path(name).stem for name in names(folder)}
    assert len(stems) == scenes.images == COUNT
    for annotations in ("annotations", "annotations_with_errors"):
        assert {path.stem for path in (folder / annotations).iterdir()} == stems


def test_boxes_are_inside_their_image_and_apart(drawn: tuple[Path, Scenes]) -> None:
    folder, _ = drawn
    for name in names(folder):
        boxes = [box for _, box in labels(folder / "annotations", name)]
        assert grey(folder / "images" / name).shape == (192, 192)
        assert all(0 <= x1 < x2 <= 192 and 0 <= y1 < y2 <= 192 for x1, y1, x2, y2 in boxes)
        for place, first in enumerate(boxes):
            for second in boxes[:place]:
                gap = np.maximum(first[:2], second[:2]) - np.minimum(first[2:], second[2:])
                assert gap.max() >= 0


def test_the_report_counts_what_is_there(drawn: tuple[Path, Scenes]) -> None:
    folder, scenes = drawn
    found = {name: labels(folder / "annotations", name) for name in names(folder)}
    written = [label for objects in found.values() for label, _ in objects]
    assert {name: written.count(name) for name in scenes.classes} == scenes.instances
    assert scenes.empty == tuple(name for name, objects in found.items() if not objects)
    assert all(len(objects) <= 4 for objects in found.values())


def test_classes_are_words_and_unbalanced(drawn: tuple[Path, Scenes]) -> None:
    _, scenes = drawn
    assert scenes.classes == ("zero", "one", "two", "three", "four")
    assert scenes.instances["zero"] > 2 * scenes.instances["four"] > 0


def test_ink_contrasts_with_what_is_under_it(drawn: tuple[Path, Scenes]) -> None:
    folder, scenes = drawn
    spread = [
        grey(folder / "images" / name)[y1:y2, x1:x2].std()
        for name in names(folder)
        if name not in scenes.night
        for _, (x1, y1, x2, y2) in labels(folder / "annotations", name)
    ]
    assert np.quantile(spread, 0.05) > 10


def test_near_duplicates_repeat_an_image_in_other_light(drawn: tuple[Path, Scenes]) -> None:
    folder, scenes = drawn
    assert 2 <= len(scenes.near_duplicates) <= 0.15 * COUNT
    for copy, original in scenes.near_duplicates.items():
        assert labels(folder / "annotations", copy) == labels(folder / "annotations", original)
        first, second = grey(folder / "images" / copy), grey(folder / "images" / original)
        assert np.abs(first - second).mean() > 0.5
        assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.95


def test_night_is_dark(drawn: tuple[Path, Scenes]) -> None:
    folder, scenes = drawn
    assert scenes.night
    assert max(grey(folder / "images" / name).mean() for name in scenes.night) < 128


def test_errors_json_turns_the_careless_annotations_into_the_truth(drawn: tuple[Path, Scenes]) -> None:
    folder, scenes = drawn
    errors = json.loads((folder / "errors.json").read_text())
    assert {kind: sum(error["kind"] == kind for error in errors) for kind in scenes.mistakes} == scenes.mistakes
    assert set(scenes.mistakes) == {"wrong_class", "missing", "shifted"}
    for name in names(folder):
        truth = labels(folder / "annotations", name)
        for error in [error for error in errors if error["image"] == name][::-1]:
            assert truth[error["index"]] == (error["true_label"], tuple(error["true_box"]))
            if error["kind"] == "missing":
                del truth[error["index"]]
            else:
                truth[error["index"]] = (error["given_label"], tuple(error["given_box"]))
            assert (error["given_label"], error["given_box"]) != (error["true_label"], error["true_box"])
        assert labels(folder / "annotations_with_errors", name) == truth


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    def digest(name: str, seed: int) -> str:
        write_scenes(tmp_path / name, count=15, seed=seed)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file() and path.name != "scenes.json")
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    assert digest("a", 1) == digest("b", 1) != digest("c", 2)


def test_scenes_that_are_there_are_not_drawn_again(drawn: tuple[Path, Scenes], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, scenes = drawn
    monkeypatch.setattr(dataset, "draw_scene", lambda *_: pytest.fail("drew again"))
    assert write_scenes(folder, count=COUNT, seed=51) == scenes


def test_a_killed_generation_is_redone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "scenes"
    with monkeypatch.context() as patch:
        patch.setattr(dataset, "make_mistakes", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_scenes(folder, count=5, seed=1)
    assert not folder.exists()
    assert write_scenes(folder, count=5, seed=1).images == 5
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


@pytest.mark.parametrize("digits", [(), (3, 12)])
def test_only_digits_are_drawn(tmp_path: Path, digits: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="not digits"):
        write_scenes(tmp_path / "scenes", count=2, seed=0, digits=digits)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ConfigError, match="something else"):
        write_scenes(tmp_path, count=2, seed=0)
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_other_digits_and_sizes(tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path / "scenes", count=20, seed=3, side=96, digits=(9, 5))
    assert scenes.classes == ("nine", "five")
    assert grey(tmp_path / "scenes" / "images" / "scene_0000.jpg").shape == (96, 96)
