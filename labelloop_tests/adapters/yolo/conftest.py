"""A few scenes, a quiet ultralytics, and one tiny real training that many tests look at."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labelloop.adapters.sources import read_source
from labelloop.adapters.yolo import environment
from labelloop.adapters.yolo.layout import TrainImage, write_layout
from labelloop.adapters.yolo.training import TrainOutcome, TrainRequest, train
from labelloop.adapters.yolo.weights import PACKAGED
from labelloop.core.boxes import CORNERS
from labelloop.sandbox.scenes import write_scenes
from labelloop.settings.model import SourceSettings

CLASSES = ("zero", "one", "two", "three", "four")
TRAINED, HELD_OUT = 8, 12


@pytest.fixture(scope="session")
def ultralytics_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Ultralytics prepared as in a home; the environment is as before afterwards."""
    before = dict(os.environ)
    folder = tmp_path_factory.mktemp("ultralytics")
    environment.prepare(folder)
    yield folder
    os.environ.clear()
    os.environ.update(before)


def load_scenes(folder: Path) -> list[TrainImage]:
    """Scenes as images to train on; sample ids are file stems."""
    source = read_source(SourceSettings(type="voc", path=str(folder)), folder)
    boxes = dict(list(source.boxes.groupby("path")))
    images = []
    for path in source.images:
        own = boxes.get(path, source.boxes.iloc[:0])
        class_ids = own["label"].map(CLASSES.index).to_numpy(dtype=int)
        images.append(TrainImage(path.stem, path, 192, 192, own[CORNERS].to_numpy(dtype=float), class_ids))
    return images


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[TrainImage]:
    folder = tmp_path_factory.mktemp("yolo") / "scenes"
    write_scenes(folder, count=TRAINED + HELD_OUT, seed=4)
    return load_scenes(folder)


@pytest.fixture
def image(scenes: list[TrainImage]) -> TrainImage:
    """A scene with some digits in it."""
    return next(image for image in scenes if len(image.boxes) > 1)


@pytest.fixture(scope="session")
def request_for(
    scenes: list[TrainImage], ultralytics_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> TrainRequest:
    """A training of one epoch; tests change what they need."""
    folder = tmp_path_factory.mktemp("training")
    data = write_layout(folder / "data", CLASSES, {"train": scenes[:TRAINED]})
    return TrainRequest(
        data=data, start=str(PACKAGED["labelloop:digits"]), folder=folder / "run", epochs=1, imgsz=96, batch=4, seed=0,
        device="cpu", mosaic=0.0, fliplr=0.0, cache="ram", workers=0,
    )  # fmt: skip


@pytest.fixture(scope="session")
def trained(request_for: TrainRequest) -> TrainOutcome:
    return train(request_for, on_epoch=lambda *_: None)


@pytest.fixture(scope="session")
def held_out(scenes: list[TrainImage]) -> list[TrainImage]:
    return scenes[TRAINED:]


def with_boxes(image: TrainImage, boxes: object, class_ids: object) -> TrainImage:
    return replace(image, boxes=np.array(boxes, dtype=float).reshape(-1, 4), class_ids=np.array(class_ids, dtype=int))
