"""Makes the sandbox's base checkpoint: `python -m labelloop.sandbox.base_model OUT.pt`.

A detector that starts from nothing learns little from forty images. This one has learnt other digits (5 to 9) on the
photographs that scikit-learn and scikit-image ship, which the sandbox's scenes (0 to 4) use as well: it has seen the
backgrounds, but none of the classes. Nothing is downloaded. Takes five to fifteen minutes of one core.
"""

import sys
import tempfile
from pathlib import Path

from labelloop.adapters.sources import read_source
from labelloop.adapters.yolo import environment
from labelloop.adapters.yolo.layout import TrainImage, write_layout
from labelloop.adapters.yolo.training import TrainRequest, train
from labelloop.adapters.yolo.weights import write_narrow_architecture
from labelloop.core.boxes import CORNERS
from labelloop.sandbox.scenes import write_scenes
from labelloop.settings.model import SourceSettings

COUNT, SEED, SIDE = 800, 7, 192
DIGITS = (5, 6, 7, 8, 9)
EPOCHS, IMGSZ, BATCH = 30, 160, 16
WIDTH = 0.125  # half of yolov8n: 2 MB, and small enough to learn on a laptop's processor while one watches


def make(target: Path) -> None:
    """Draw the scenes, train, and write the checkpoint."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment.prepare(folder / "ultralytics")
        scenes = write_scenes(folder / "scenes", count=COUNT, seed=SEED, side=SIDE, digits=DIGITS)
        data = write_layout(folder / "data", scenes.classes, {"train": _images(folder / "scenes", scenes.classes)})
        architecture = folder / "yolov8n-narrow.yaml"
        write_narrow_architecture(architecture, like="yolov8n.yaml", width=WIDTH, classes=len(DIGITS))
        request = TrainRequest(
            data=data, start=str(architecture), folder=folder / "run", epochs=EPOCHS, imgsz=IMGSZ, batch=BATCH,
            seed=SEED, device="cpu", mosaic=0.0, fliplr=0.0, cache="ram", workers=0,
        )  # fmt: skip
        outcome = train(request, on_epoch=lambda epoch, total, losses: print(epoch, "of", total, losses, flush=True))
        target.write_bytes(outcome.weights.read_bytes())


def _images(folder: Path, classes: tuple[str, ...]) -> list[TrainImage]:
    source = read_source(SourceSettings(type="voc", path=str(folder)), folder)
    boxes = dict(list(source.boxes.groupby("path")))
    images = []
    for path in source.images:
        own = boxes.get(path, source.boxes.iloc[:0])
        corners, class_ids = own[CORNERS].to_numpy(dtype=float), own["label"].map(classes.index).to_numpy(dtype=int)
        images.append(TrainImage(path.stem, path, SIDE, SIDE, corners, class_ids))
    return images


if __name__ == "__main__":
    make(Path(sys.argv[1]))
