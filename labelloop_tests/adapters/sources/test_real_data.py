"""364 blood-cell photographs in every format that FiftyOne writes: the same images, the same boxes."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labelloop.adapters.sources import Source
from labelloop.adapters.sources.detect import detect
from labelloop.core.bad_boxes import bad_boxes
from labelloop_tests.adapters.sources.builders import read
from labelloop_tests.fiftyone_world import loop

__all__ = ["loop"]

pytestmark = pytest.mark.slow
CLASSES = ["RBC", "WBC", "Platelets"]
IMAGES, BOXES, SIZE = 364, 4888, (640, 480)
CORNERS = ["x1", "y1", "x2", "y2"]
SPLITS = {"train": 205, "val": 87, "test": 72}


@pytest.fixture(scope="module")
def bccd() -> Path:
    folder = Path(os.environ.get("LABELLOOP_TEST_DATA", "")) / "bccd"
    if not (folder / "annotations").is_dir():
        pytest.skip("LABELLOOP_TEST_DATA names no folder with bccd")
    return folder


@pytest.fixture
def variants(bccd: Path, loop, tmp_path: Path) -> Path:
    """The data set as FiftyOne's exporters write it."""
    fo = pytest.importorskip("fiftyone")
    types = fo.types
    dataset = fo.Dataset.from_dir(
        dataset_type=types.VOCDetectionDataset, data_path=str(bccd / "images"), labels_path=str(bccd / "annotations"),
        label_field="ground_truth", progress=False,
    )  # fmt: skip
    split_of = {
        line.split()[0]: name
        for name in SPLITS
        for line in (bccd / "splits" / f"{name}.txt").read_text().splitlines()
        if line.split()
    }
    dataset.set_values("tags", [[split_of[Path(path).stem]] for path in dataset.values("filepath")])
    plain = {"export_media": "symlink", "progress": False}
    shared = {"label_field": "ground_truth", "classes": CLASSES, **plain}
    for name in SPLITS:
        view = dataset.match_tags(name)
        view.export(export_dir=str(tmp_path / "yolo"), dataset_type=types.YOLOv5Dataset, split=name, **shared)
        view.export(
            data_path=str(tmp_path / "coco" / f"{name}2017"), dataset_type=types.COCODetectionDataset,
            labels_path=str(tmp_path / "coco" / "annotations" / f"instances_{name}2017.json"), **shared,
        )  # fmt: skip
    dataset.export(export_dir=str(tmp_path / "darknet"), dataset_type=types.YOLOv4Dataset, **shared)
    dataset.export(
        export_dir=str(tmp_path / "cvat"), dataset_type=types.CVATImageDataset, label_field="ground_truth",
        **plain,
    )  # fmt: skip
    dataset.export(export_dir=str(tmp_path / "fiftyone"), dataset_type=types.FiftyOneDataset, **plain)
    dataset.delete()
    return tmp_path


def pixels(source: Source) -> pd.DataFrame:
    """Boxes in pixels by file name, in an order of their own."""
    boxes = source.boxes
    shares = boxes["path"].isin(source.relative).to_numpy()[:, None]
    boxes[CORNERS] = boxes[CORNERS].to_numpy() * np.where(shares, [*SIZE, *SIZE], 1.0)
    rounded = boxes[CORNERS].round()
    order = pd.concat([boxes["path"].map(lambda path: path.name), boxes["label"], rounded], axis=1)
    ranked = boxes.iloc[order.sort_values(list(order.columns), kind="stable").index]
    return ranked.assign(path=[path.name for path in ranked["path"]]).reset_index(drop=True)


def test_the_counts_and_the_boxes_agree_whatever_the_format(bccd: Path, variants: Path) -> None:
    truth = pixels(read(bccd, "voc"))
    assert (len(truth), dict(truth["label"].value_counts())) == (BOXES, {"RBC": 4155, "WBC": 372, "Platelets": 361})
    kinds = {"coco": "coco", "yolo": "yolo", "darknet": "yolo", "cvat": "cvat_xml",
             "fiftyone": "fiftyone_dataset"}  # fmt: skip
    for name, kind in kinds.items():
        found = detect(variants / name)[0]
        assert found.type == kind
        source = read(variants / name, kind, annotations=found.annotations)
        assert (len(source.images), len(source.labelled), source.damaged, source.missing) == (IMAGES, IMAGES, {}, ())
        boxes = pixels(source)
        assert boxes[["path", "label"]].equals(truth[["path", "label"]]), name
        np.testing.assert_allclose(boxes[CORNERS], truth[CORNERS], atol=1e-3, err_msg=name)
        if kind in ("coco", "yolo"):
            assert source.classes == tuple(CLASSES)
        if name in ("coco", "yolo", "fiftyone"):
            assert pd.Series(list(source.splits.values())).value_counts().to_dict() == SPLITS


KNOWN_BAD = {"00013", "00020", "00100", "00104", "00251", "00284", "00331", "00338", "00343", "00403"}


def test_exactly_the_ten_boxes_known_to_be_bad_are_set_aside(bccd: Path) -> None:
    boxes = pixels(read(bccd, "voc")).rename(columns={"path": "sample_id"})
    bad = bad_boxes(boxes, dict.fromkeys(boxes["sample_id"], SIZE))
    assert sorted(Path(name).stem.removeprefix("BloodImage_") for name in bad["sample_id"]) == sorted(KNOWN_BAD)
