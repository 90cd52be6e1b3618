from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from labelloop.adapters.yolo import prediction
from labelloop.adapters.yolo.layout import TrainImage
from labelloop.adapters.yolo.prediction import COLUMNS, predict
from labelloop.adapters.yolo.weights import PACKAGED
from labelloop.core.errors import ModelError
from labelloop.sandbox.scenes import write_scenes

DIGITS = ("five", "six", "seven", "eight", "nine")
BASE = PACKAGED["labelloop:digits"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, ultralytics_home: Path) -> list[tuple[str, Path]]:
    """Scenes with the digits that the packaged model knows."""
    folder = tmp_path_factory.mktemp("known") / "scenes"
    write_scenes(folder, count=20, seed=99, digits=(5, 6, 7, 8, 9))
    return [(path.stem, path) for path in sorted((folder / "images").iterdir())]


def found_in(images: list[tuple[str, Path]], told: list | None = None) -> pd.DataFrame:
    return predict(
        BASE, images, DIGITS, confidence=0.25, imgsz=160, device="cpu",
        on_progress=lambda done, total: told.append((done, total)) if told is not None else None,
    )  # fmt: skip


def test_predictions_are_pixels_of_the_image_in_the_order_of_the_samples(images: list[tuple[str, Path]]) -> None:
    shuffled = images[::-1]
    told: list = []
    found = found_in(shuffled, told)
    assert list(found.columns) == COLUMNS
    assert list(found["sample_id"].drop_duplicates()) == [name for name, _ in shuffled if name in set(found.sample_id)]
    assert all(scores.is_monotonic_decreasing for _, scores in found.groupby("sample_id")["score"])
    assert found["score"].between(0.25, 1).all()
    assert set(found["label"]) <= set(DIGITS)
    assert found[["x1", "y1"]].to_numpy().min() >= 0
    assert 100 < found[["x2", "y2"]].to_numpy().max() <= 192
    assert told[-1] == (20, 20)


def test_what_is_found_in_an_image_does_not_depend_on_the_others(
    images: list[tuple[str, Path]], tmp_path: Path
) -> None:
    wide = tmp_path / "wide.jpg"
    with Image.open(images[0][1]) as picture:
        picture.resize((300, 150)).save(wide)
    together = found_in([images[3], ("wide", wide), *images[4:], images[0]])
    for sample_id, path in (images[3], ("wide", wide)):
        alone = found_in([(sample_id, path)])
        pd.testing.assert_frame_equal(
            together[together["sample_id"] == sample_id].reset_index(drop=True), alone, atol=1e-2
        )


def test_an_image_that_a_camera_turned_is_predicted_upright(images: list[tuple[str, Path]], tmp_path: Path) -> None:
    """Boxes are in the pixels people see, those of `ImageOps.exif_transpose`, not in the stored ones."""
    sample_id, path = next(image for image in images if len(found_in([image])))
    with Image.open(path) as picture:
        picture.save(tmp_path / "upright.png")
        exif = picture.getexif()
        exif[0x0112] = 6  # to be turned clockwise when shown
        picture.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif, quality=100, subsampling=0)
    upright = found_in([(sample_id, tmp_path / "upright.png")])
    turned = found_in([(sample_id, tmp_path / "turned.jpg")])
    assert list(turned["label"]) == list(upright["label"])
    np.testing.assert_allclose(turned[["x1", "y1", "x2", "y2"]], upright[["x1", "y1", "x2", "y2"]], atol=2)


def test_finding_nothing_is_an_empty_frame(tmp_path: Path, ultralytics_home: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "black.png")
    found = found_in([("a", tmp_path / "black.png")])
    assert list(found.columns) == COLUMNS
    assert found.empty
    assert found_in([]).empty


def test_a_schema_that_has_grown_is_fine_and_another_one_is_refused(images: list[tuple[str, Path]]) -> None:
    settings = {"confidence": 0.25, "imgsz": 96, "device": "cpu", "on_progress": lambda *_: None}
    predict(BASE, images[:1], [*DIGITS, "ten"], **settings)
    with pytest.raises(ModelError, match="the schema has zero, one"):
        predict(BASE, images[:1], ["zero", "one"], **settings)


def test_an_image_that_cannot_be_read_is_named(
    images: list[tuple[str, Path]], image: TrainImage, tmp_path: Path
) -> None:
    for content in (b"", b"not an image", image.path.read_bytes()[:3000]):
        (tmp_path / "broken.jpg").write_bytes(content)
        with pytest.raises(ModelError, match=r"broken\.jpg cannot be read"):
            found_in([*images[:2], ("x", tmp_path / "broken.jpg")])
    with pytest.raises(ModelError, match=r"gone\.jpg cannot be read"):
        found_in([("x", tmp_path / "gone.jpg")])


def test_progress_is_told_now_and_then() -> None:
    steps = [prediction._worth_telling(done - 16, done, 16_000) for done in range(16, 16_016, 16)]
    assert sum(steps) == prediction.REPORTS
    assert steps[-1]
