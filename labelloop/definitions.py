"""The code location: the stages in loop order, and the world they run in."""

import dagster as dg

from labelloop.assets import (
    annotate,
    duplicates,
    embed,
    evaluate,
    ingest,
    mine,
    predict,
    pull,
    relabel,
    report,
    score,
    select,
    split,
    train,
)
from labelloop.checks import (
    batch_labels,
    images_were_looked_at_for_every_class,
    selection_helps,
    val_was_looked_at_for_every_class,
)
from labelloop.jobs import JOBS
from labelloop.resources.compute import ComputeResource
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.detector import DetectorResource
from labelloop.resources.project import ProjectResource
from labelloop.sensors import SENSORS

STAGES = [
    ingest, pull, split, embed, score, duplicates, annotate, select, train, evaluate, predict, mine, relabel, report,
]  # fmt: skip

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(STAGES, include_specs=True),
    asset_checks=[
        batch_labels,
        images_were_looked_at_for_every_class,
        val_was_looked_at_for_every_class,
        selection_helps,
    ],
    jobs=JOBS,
    sensors=SENSORS,
    resources={
        "project": ProjectResource(),
        "dataset": DatasetResource(),
        "cvat": CvatResource(),
        "detector": DetectorResource(),
        "compute": ComputeResource(),
    },
    # One process for a run: a process per step would import torch and fiftyone again for each.
    executor=dg.in_process_executor,
)
