"""Sections of `labelloop.yaml` about the detector: how it learns, what counts, when to stop."""

from typing import Literal

from pydantic import Field

from labelloop.settings.section import Section


class TrainSettings(Section):
    """How YOLO learns; what is not here stays as ultralytics has it."""

    weights: str = Field(
        "yolov8n.yaml",
        description="Start of v0: a checkpoint (.pt), a model YAML (from scratch), or labelloop:digits.",
    )
    start_from: Literal["previous", "weights"] = Field(
        "previous", description="Later iterations go on from the previous model, or begin again at weights."
    )
    older_labels: Literal["wait", "leave_out"] = Field(
        "wait",
        description="After a class was appended: wait learns it when all images were gone through for it (labelloop "
        "relabel); leave_out learns it at once, without the images that nobody looked for it on.",
    )
    imgsz: int = Field(640, ge=32, description="Side of the square image the network sees, in pixels.")
    epochs_first: int = Field(60, ge=1, description="Epochs of the first iteration.")
    epochs: int = Field(40, ge=1, description="Epochs of each later iteration.")
    batch: int = Field(16, ge=1, description="Images in a minibatch.")
    device: str = Field("auto", description="auto, cpu, mps, 0 or 0,1 …")
    mosaic: float = Field(0.0, ge=0, le=1, description="Probability of mosaic augmentation.")
    fliplr: float = Field(
        0.5, ge=0, le=1, description="Probability of a left-right flip; 0 where mirror images are other things."
    )
    cache: Literal["ram", "disk", "none"] = Field("ram", description="Where decoded images are kept while training.")
    workers: int = Field(0, ge=0, description="Loader processes; 0 loads in the training process.")


class EvaluateSettings(Section):
    """When a prediction counts, and how many failures are shown."""

    confidence: float = Field(
        0.25, gt=0, lt=1, description="Predictions below this are neither shown nor counted as failures."
    )
    iou: float = Field(0.5, gt=0, lt=1, description="Overlap from which a prediction meets a label.")
    top_failures: int = Field(10, ge=1, description="Most images tagged for missed and for false detections each.")


class MineSettings(Section):
    """How the next batch follows from the failures."""

    coverage_share: float = Field(
        0.3, ge=0, le=1, description="Share of a batch chosen by coverage; the rest are neighbours of failures."
    )
    neighbours: int = Field(20, ge=1, description="Nearest pool images looked at for each failed image.")


class StopSettings(Section):
    """When the loop stops by itself; the first rule that holds is told."""

    target_map50: float = Field(0.95, gt=0, le=1, description="Stop when val mAP50 reaches this.")
    min_gain: float = Field(0.005, ge=0, description="A gain in mAP50 per 100 new labels below this is flat.")
    patience: int = Field(3, ge=1, description="Stop after this many flat iterations in a row.")
    max_iterations: int = Field(20, ge=1, description="Stop after this many iterations.")


class CheckSettings(Section):
    """Limits of the asset checks."""

    max_bad_box_share: float = Field(
        0.02, ge=0, le=1, description="Training is blocked when more than this share of a batch's boxes is bad."
    )
    max_class_drift: float = Field(
        0.35,
        ge=0,
        le=1,
        description="Warn when class shares move by more than this (total variation) against the batches before.",
    )
    min_golden_agreement: float = Field(
        0.9, ge=0, le=1, description="Warn when blind golden images agree less than this with their first labels."
    )
