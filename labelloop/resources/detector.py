"""The detector of the loop: YOLO, trained in a folder named by what went into it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from labelloop.adapters.files import atomic
from labelloop.adapters.yolo import environment, evaluation, layout, pictures, prediction, training, weights
from labelloop.core.annotation import content_hash
from labelloop.core.errors import MissingStateError
from labelloop.core.vocabulary import previous_iteration
from labelloop.resources.labelled import Labelled
from labelloop.resources.project import Project

Log = Callable[[str], None]

NOT_OF_THE_RECIPE = {"weights", "start_from", "epochs_first", "device", "workers", "cache", "older_labels"}


@dataclass(frozen=True)
class Recipe:
    """All that decides what a training gives: data, classes, start and settings. Its hash names the model."""

    data: str
    classes: tuple[str, ...]
    start: str
    start_hash: str
    settings: dict[str, Any]

    @classmethod
    def of(
        cls, now: Project, iteration: str, data: Labelled, classes: tuple[str, ...], *, epochs: int, imgsz: int
    ) -> "Recipe":
        """The recipe of an iteration; a class that only got another name is the same class.

        Raises:
            MissingStateError: If there is nothing to learn from, or the model to go on from is missing.
        """
        if not data.reviewed:
            raise MissingStateError(f"Nothing to learn from up to {iteration}", "Annotate its batch in CVAT first.")
        wanted = now.settings.train
        first = previous_iteration(iteration) is None
        settings = wanted.model_dump(exclude=NOT_OF_THE_RECIPE)
        settings["epochs"] = epochs or (wanted.epochs_first if first else wanted.epochs)
        settings["imgsz"] = imgsz or wanted.imgsz
        settings["seed"] = now.settings.seed
        start = _start(now, iteration)
        boxes = data.boxes[["sample_id", "label", "x1", "y1", "x2", "y2"]]
        boxes = boxes.assign(label=boxes["label"].map(classes.index))
        boxes = boxes.sort_values(list(boxes.columns), kind="stable")
        return cls(
            data=content_hash([list(data.reviewed), boxes.to_numpy().tolist()]),
            classes=classes,
            start=str(start),
            start_hash=weights.fingerprint(start),
            settings=settings,
        )

    @property
    def digest(self) -> str:
        """Name of the model's folder; where the weights to start from lie does not matter, what they are does."""
        plain = {key: value for key, value in asdict(self).items() if key != "start"}
        return content_hash(plain | {"classes": len(self.classes)})


def _start(now: Project, iteration: str) -> Path | str:
    before = previous_iteration(iteration)
    if before is None or now.settings.train.start_from == "weights":
        return weights.resolve_weights(now.settings.train.weights, now.home.project)
    return now.ledger.model_folder(now.ledger.read("models", before)["model"]) / "weights.pt"


class DetectorResource(dg.ConfigurableResource):
    """Trains, predicts and evaluates with ultralytics YOLO."""

    def train(self, now: Project, recipe: Recipe, data: Labelled, log: Log) -> dict:
        """Train, go on with an interrupted training, or find the model that is there; returns its card."""
        folder = now.ledger.model_folder(recipe.digest)
        if (folder / "card.json").is_file():
            log(f"model {recipe.digest} is there already: same data, same settings")
            return dict(atomic.read_json(folder / "card.json", ""))
        environment.prepare(now.home.root / "ultralytics")
        started = layout.write_layout(folder / "data", recipe.classes, {"train": _images(now, data, recipe.classes)})
        outcome = training.train(
            training.TrainRequest(
                data=started, start=recipe.start, folder=folder / "run", device=now.settings.train.device,
                cache=now.settings.train.cache, workers=now.settings.train.workers, **recipe.settings,
            ),
            on_epoch=lambda epoch, total, losses: log(_epoch_line(epoch, total, losses)),
        )  # fmt: skip
        atomic.write_bytes(folder / "weights.pt", outcome.weights.read_bytes())
        card = _card(recipe, outcome)
        atomic.write_json(folder / "card.json", card)
        shutil.rmtree(folder / "run")
        shutil.rmtree(folder / "data")
        return card

    def predict(
        self, now: Project, model: str, sample_ids: Sequence[str], log: Log, *, confidence: float | None = None
    ) -> pd.DataFrame:
        """Predictions on these samples above a confidence (`evaluate.confidence`), in pixels of the image."""
        environment.prepare(now.home.root / "ultralytics")
        paths, schema = now.ledger.samples().set_index("sample_id")["path"], now.ledger.schema()
        return prediction.predict(
            now.ledger.model_folder(model) / "weights.pt",
            [(sample_id, now.home.locate(paths[sample_id])) for sample_id in sample_ids],
            schema.classes,
            renamed=schema.renamed,
            confidence=now.settings.evaluate.confidence if confidence is None else confidence,
            imgsz=self._imgsz(now, model),
            device=now.settings.train.device,
            on_progress=lambda done, total: log(f"predicted {done} of {total} images"),
        )

    def evaluate(self, now: Project, model: str, truth: Labelled) -> evaluation.DetectionMetrics:
        """Metrics of a model on labelled images."""
        environment.prepare(now.home.root / "ultralytics")
        folder = now.home.root / "work" / f"val-{model}"
        schema = now.ledger.schema()
        images = _images(now, truth, schema.classes)
        data = layout.write_layout(folder / "data", schema.classes, {"train": images, "val": images})
        metrics = evaluation.evaluate(
            now.ledger.model_folder(model) / "weights.pt",
            data,
            imgsz=self._imgsz(now, model),
            device=now.settings.train.device,
            folder=folder / "run",
            renamed=schema.renamed,
        )
        shutil.rmtree(folder)
        return metrics

    def loss_picture(self, card: dict) -> bytes:
        """Loss over epochs."""
        return pictures.loss_curve_png(card["losses"])

    def pr_picture(self, metrics: evaluation.DetectionMetrics) -> bytes:
        """Precision over recall, class by class."""
        return pictures.pr_curve_png(metrics)

    def confusion_picture(self, metrics: evaluation.DetectionMetrics) -> bytes:
        """Which class is taken for which."""
        return pictures.confusion_png(metrics)

    @staticmethod
    def _imgsz(now: Project, model: str) -> int:
        return int(atomic.read_json(now.ledger.model_folder(model) / "card.json", "")["settings"]["imgsz"])


def _images(now: Project, data: Labelled, classes: Sequence[str]) -> list[layout.TrainImage]:
    samples = now.ledger.samples().set_index("sample_id")
    class_ids = {name: number for number, name in enumerate(classes)}
    boxes = dict(list(data.boxes.groupby("sample_id")))
    images = []
    for sample_id in data.reviewed:
        row, own = samples.loc[sample_id], boxes.get(sample_id, data.boxes.iloc[:0])
        images.append(
            layout.TrainImage(
                sample_id=sample_id,
                path=now.home.locate(row["path"]),
                width=int(row["width"]),
                height=int(row["height"]),
                boxes=own[["x1", "y1", "x2", "y2"]].to_numpy(dtype=float),
                class_ids=np.array([class_ids[label] for label in own["label"]], dtype=int),
            )
        )
    return images


def _epoch_line(epoch: int, total: int, losses: dict[str, float]) -> str:
    return f"epoch {epoch} of {total}: " + ", ".join(f"{name} {value:.3f}" for name, value in losses.items())


def _card(recipe: Recipe, outcome: training.TrainOutcome) -> dict:
    return asdict(recipe) | {
        "digest": recipe.digest,
        "epochs": outcome.epochs,
        "seconds": round(outcome.seconds, 1),
        "resumed": outcome.resumed,
        "losses": outcome.losses,
    }
