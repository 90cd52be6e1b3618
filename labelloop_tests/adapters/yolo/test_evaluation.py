from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelloop.adapters.yolo.evaluation import CURVE_POINTS, DetectionMetrics, evaluate
from labelloop.adapters.yolo.layout import TrainImage, write_layout
from labelloop.adapters.yolo.training import TrainOutcome
from labelloop.core.errors import ModelError
from labelloop_tests.adapters.yolo.conftest import CLASSES, with_boxes


def score(model: Path, images: list[TrainImage], folder: Path, classes: tuple[str, ...] = CLASSES) -> DetectionMetrics:
    data = write_layout(folder / "data", classes, {"val": images})
    return evaluate(model, data, imgsz=160, device="cpu", folder=folder / "run")


@pytest.fixture(scope="module")
def metrics(
    trained: TrainOutcome, held_out: list[TrainImage], tmp_path_factory: pytest.TempPathFactory
) -> DetectionMetrics:
    return score(trained.weights, held_out, tmp_path_factory.mktemp("val"))


def test_every_class_has_a_row_with_its_counts(metrics: DetectionMetrics, held_out: list[TrainImage]) -> None:
    truth = [CLASSES[number] for image in held_out for number in image.class_ids]
    table = metrics.per_class.set_index("label")
    assert tuple(table.index) == CLASSES
    assert table["instances"].to_dict() == {name: truth.count(name) for name in CLASSES}
    for number, name in enumerate(CLASSES):
        assert table.loc[name, "images"] == sum(number in image.class_ids for image in held_out)


def test_figures_are_means_over_the_classes_that_occur(metrics: DetectionMetrics) -> None:
    assert metrics.map50 == pytest.approx(metrics.per_class["ap50"].mean())
    assert metrics.map50_95 == pytest.approx(metrics.per_class["ap50_95"].mean())
    assert 0 <= metrics.map50_95 <= metrics.map50 <= 1
    assert metrics.seconds > 0
    assert all(len(curve) == CURVE_POINTS for curve in metrics.pr_curve.values())


def test_the_confusion_matrix_accounts_for_every_object(metrics: DetectionMetrics) -> None:
    assert metrics.confusion_labels == [*CLASSES, "background"]
    assert metrics.confusion.shape == (6, 6)
    assert list(metrics.confusion[:, :5].sum(axis=0)) == list(metrics.per_class["instances"])
    # Only detections that would be shown: at ultralytics' own threshold for AP there would be hundreds.
    assert metrics.confusion[:, 5].sum() < 60


def test_a_class_that_does_not_occur_stays_in_the_table(
    trained: TrainOutcome, held_out: list[TrainImage], tmp_path: Path
) -> None:
    zeros = [
        with_boxes(image, image.boxes[image.class_ids == 0], image.class_ids[image.class_ids == 0])
        for image in held_out
    ]
    metrics = score(trained.weights, zeros, tmp_path)
    table = metrics.per_class.set_index("label")
    assert np.isnan(table.loc["four", "ap50"])
    assert table.loc["four", "instances"] == 0
    assert list(metrics.pr_curve) == ["zero"]
    assert metrics.figures()["per_class"][4]["ap50"] is None


def test_a_class_appended_after_training_counts_as_missed(
    trained: TrainOutcome, held_out: list[TrainImage], tmp_path: Path
) -> None:
    grown = (*CLASSES, "five", "six")
    image = next(image for image in held_out if len(image.boxes))
    metrics = score(trained.weights, [*held_out, _newer(image)], tmp_path, grown)
    table = metrics.per_class.set_index("label")
    assert tuple(table.index) == grown
    assert (table.loc["five", "instances"], table.loc["five", "ap50"]) == (1, 0)
    assert np.isnan(table.loc["six", "ap50"])
    assert metrics.confusion[:, 5].sum() == 1
    assert metrics.confusion_labels[-1] == "background"


def test_val_without_any_object_scores_nothing(
    trained: TrainOutcome, held_out: list[TrainImage], tmp_path: Path
) -> None:
    metrics = score(trained.weights, [with_boxes(image, [], []) for image in held_out[:3]], tmp_path)
    assert metrics.per_class["ap50"].isna().all()
    assert metrics.map50 == 0
    assert metrics.pr_curve == {}


def test_labels_of_an_image_that_a_camera_turned_are_upright(
    trained: TrainOutcome, held_out: list[TrainImage], tmp_path: Path
) -> None:
    def store(image: TrainImage, turned: bool) -> TrainImage:
        path = tmp_path / f"{image.sample_id}-{turned}.jpg"
        with Image.open(image.path) as picture:
            exif = picture.getexif()
            exif[0x0112] = 6 if turned else 1
            stored = picture.crop((0, 0, 192, 160)).rotate(90 if turned else 0, expand=True)
            stored.save(path, exif=exif, quality=100, subsampling=0)
        return replace(image, path=path, width=192, height=160)

    upright, turned = (
        score(trained.weights, [store(image, way) for image in held_out], tmp_path / str(way)) for way in (False, True)
    )
    assert turned.map50 == pytest.approx(upright.map50, abs=0.05)
    np.testing.assert_array_equal(turned.per_class["instances"], upright.per_class["instances"])


def test_an_image_that_yolo_would_leave_out_stops_the_evaluation(
    trained: TrainOutcome, held_out: list[TrainImage], tmp_path: Path
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"not an image")
    with pytest.raises(ModelError, match=r"1 of 3 val images: .*broken\.jpg"):
        score(trained.weights, [*held_out[:2], replace(held_out[2], path=tmp_path / "broken.jpg")], tmp_path)


def test_a_model_with_other_classes_is_refused(
    trained: TrainOutcome, held_out: list[TrainImage], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="knows the classes"):
        score(trained.weights, held_out[:2], tmp_path, CLASSES[::-1])


def _newer(image: TrainImage) -> TrainImage:
    return replace(image, sample_id="newer", boxes=image.boxes[:1], class_ids=np.array([5]))
