"""Train: YOLO learns from everything people have labelled so far."""

import dagster as dg

from labelloop.core.errors import LabelError
from labelloop.core.quality import class_table
from labelloop.partitions import ITERATIONS
from labelloop.resources.detector import DetectorResource, Recipe
from labelloop.resources.labelled import Labelled
from labelloop.resources.lesson import lesson
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.stage import OWNERS, stage
from labelloop.resources.tables import picture, table


class TrainConfig(dg.Config):
    """Overrides of labelloop.yaml for one run; 0 keeps what is written there."""

    epochs: int = 0
    imgsz: int = 0


@dg.asset(
    group_name="iteration",
    owners=OWNERS,
    kinds={"yolo", "pytorch"},
    partitions_def=ITERATIONS,
    deps=["annotated_batch"],
)
@stage
def trained_model(
    context: dg.AssetExecutionContext, config: TrainConfig, project: ProjectResource, detector: DetectorResource
) -> dg.MaterializeResult:
    """A detector trained on the labels of all batches so far, and of the source where it is trusted.

    Weights and a card (data hash, settings, losses) lie in a folder named by their content and are never
    overwritten; the same data and settings find the model that is there. An interrupted training goes on. Refuses
    when the verdict on the labels of its iteration is missing or failed. A class that was appended is learnt when
    people have gone through the older images for it: what nobody looked for is not background.
    """
    iteration = context.partition_key
    now = project.current
    _require_verdict(now, iteration)
    learns = lesson(now, iteration)
    data = learns.data
    recipe = Recipe.of(now, iteration, data, learns.classes, epochs=config.epochs, imgsz=config.imgsz)
    with now.alone("training", context.log.info):
        card = detector.train(now, recipe, data, context.log.info)
    record = {"model": recipe.digest, "labels_used": data.by_people, "schema_version": learns.version}
    now.ledger.write("models", iteration, record | {"revision": now.ledger.revision(iteration)})
    return dg.MaterializeResult(
        data_version=dg.DataVersion(recipe.digest),
        metadata={
            "images": len(data.reviewed), "images without objects": _empty(data), "labels used": data.by_people,
            "epochs": card["epochs"], "seconds": card["seconds"], "started from": card["start"],
            "boxes by class": table(class_table(data.boxes, recipe.classes)),
            "classes that wait": ", ".join(learns.waiting) or "none", "images left out": len(learns.left_out),
            "loss": picture(detector.loss_picture(card)),
            "settings": dg.MetadataValue.json(recipe.settings), "model": recipe.digest,
            "weights": dg.MetadataValue.path(str(now.ledger.model_folder(recipe.digest) / "weights.pt")),
        },
    )  # fmt: skip


def _empty(data: Labelled) -> int:
    return len(set(data.reviewed) - set(data.boxes["sample_id"]))


def _require_verdict(now: Project, iteration: str) -> None:
    """Blocking checks only gate within their run; a model must not be trained around them."""
    verdict = now.ledger.read("verdicts", iteration)
    if verdict["revision"] != now.ledger.revision(iteration):
        raise LabelError(
            f"The labels of {iteration} changed after they were checked", "Run take_batch or label_loop for it."
        )
    if not verdict["passed"]:
        failed = [f"{f['name']}: {f['detail']}" for f in verdict["findings"] if f["blocking"] and not f["passed"]]
        raise LabelError(
            f"The labels of {iteration} failed their checks ({'; '.join(failed)})",
            "Correct them in CVAT, complete the jobs again and run label_loop.",
        )
