"""Makes the sandbox's base checkpoint: `python -m labelloop.sandbox.base_model OUT.pt`.

A detector that starts from nothing learns little from forty images. This one has learnt other digits (5 to 9) on the
photographs that scikit-learn and scikit-image ship, which the sandbox's scenes (0 to 4) use as well: it has seen the
backgrounds, but none of the classes. Nothing is downloaded.
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd

from labelloop.adapters.images import inspect_all, list_files
from labelloop.adapters.sources import read_source
from labelloop.adapters.yolo import environment
from labelloop.adapters.yolo.layout import TrainImage, write_layout
from labelloop.adapters.yolo.training import TrainRequest, train
from labelloop.adapters.yolo.weights import publish
from labelloop.sandbox.scenes.dataset import write_scenes
from labelloop.settings.model import SourceSettings

COUNT, SEED, SIDE, EPOCHS = 800, 7, 160, 30

# yolov8, an eighth as wide: 2 MB, and small enough to learn on a laptop's processor while one watches.
ARCHITECTURE = """
nc: 5
scales:
  n: [0.33, 0.125, 1024]
backbone:
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, Conv, [128, 3, 2]]
  - [-1, 3, C2f, [128, True]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [-1, 6, C2f, [256, True]]
  - [-1, 1, Conv, [512, 3, 2]]
  - [-1, 6, C2f, [512, True]]
  - [-1, 1, Conv, [1024, 3, 2]]
  - [-1, 3, C2f, [1024, True]]
  - [-1, 1, SPPF, [1024, 5]]
head:
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 6], 1, Concat, [1]]
  - [-1, 3, C2f, [512]]
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 4], 1, Concat, [1]]
  - [-1, 3, C2f, [256]]
  - [-1, 1, Conv, [256, 3, 2]]
  - [[-1, 12], 1, Concat, [1]]
  - [-1, 3, C2f, [512]]
  - [-1, 1, Conv, [512, 3, 2]]
  - [[-1, 9], 1, Concat, [1]]
  - [-1, 3, C2f, [1024]]
  - [[15, 18, 21], 1, Detect, [nc]]
"""


def make(target: Path) -> None:
    """Draw the scenes, train, and write the checkpoint."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment.prepare(folder / "ultralytics")
        scenes = write_scenes(folder / "scenes", count=COUNT, seed=SEED, digits=(5, 6, 7, 8, 9))
        data = write_layout(folder / "data", scenes.classes, {"train": _images(folder / "scenes", scenes.classes)})
        model = folder / "yolov8n-eighth.yaml"
        model.write_text(ARCHITECTURE, encoding="utf-8")
        request = TrainRequest(
            data=data, start=str(model), folder=folder / "run", epochs=EPOCHS, imgsz=SIDE, batch=16, seed=SEED,
            device="cpu", mosaic=0.0, fliplr=0.0, cache="ram", workers=0,
        )  # fmt: skip
        outcome = train(request, on_epoch=lambda epoch, total, losses: print(epoch, "of", total, losses, flush=True))
        publish(outcome.weights, target)


def _images(folder: Path, classes: tuple[str, ...]) -> list[TrainImage]:
    boxes = read_source(SourceSettings(type="voc", path=str(folder)), folder).boxes
    files = inspect_all(list_files(folder / "images"), {}, lambda *_: None)
    return [
        TrainImage(
            sample_id=str(file.sample_id),
            path=file.path,
            width=file.width,
            height=file.height,
            boxes=_of(boxes, file.path)[["x1", "y1", "x2", "y2"]].to_numpy(dtype=float),
            class_ids=_of(boxes, file.path)["label"].map(classes.index).to_numpy(dtype=int),
        )
        for file in files
    ]


def _of(boxes: pd.DataFrame, path: Path) -> pd.DataFrame:
    return boxes[boxes["path"] == path]


if __name__ == "__main__":
    make(Path(sys.argv[1]))
