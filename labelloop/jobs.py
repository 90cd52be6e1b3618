"""What people and sensors start: one run is one part of the loop between two pieces of human work."""

from typing import Any

import dagster as dg

from labelloop.core.vocabulary import STEPS, JobName


def _job(name: JobName, description: str) -> Any:
    """A job with the assets that `STEPS` gives it, and all their checks."""
    assets = dg.AssetSelection.assets(*STEPS[name]) | dg.AssetSelection.checks_for_assets(*STEPS[name])
    return dg.define_asset_job(name.value, assets, description=description)


prepare_pool = _job(
    JobName.PREPARE_POOL,
    "Register images, cut the held-out sets, embed and score the pool.",
)
send_holdout = _job(
    JobName.SEND_HOLDOUT,
    "Send val and golden to CVAT; they are labelled once.",
)
take_holdout = _job(
    JobName.TAKE_HOLDOUT,
    "Take the labels of val and golden back.",
)
next_batch = _job(
    JobName.NEXT_BATCH,
    "Choose the images of an iteration and send them.",
)
label_loop = _job(
    JobName.LABEL_LOOP,
    "Take the labels of a batch, check them, train, evaluate, and choose the next batch.",
)
take_batch = _job(
    JobName.TAKE_BATCH,
    "Take the labels of an older batch again after it was reopened; models of the past stay.",
)
final_evaluation = _job(
    JobName.FINAL_EVALUATION,
    "Have test labelled when first asked, then say how good one model is on it. Only a person starts it.",
)

send_relabel = _job(
    JobName.SEND_RELABEL,
    "Send labelled images to people again, for classes that were appended since.",
)
take_relabel = _job(
    JobName.TAKE_RELABEL,
    "Take the labels of images that people went through again back.",
)
score_again = _job(
    JobName.SCORE_AGAIN,
    "Measure the model of an iteration anew, after val has grown or was gone through for a new class.",
)

JOBS = [
    prepare_pool, send_holdout, take_holdout, next_batch, label_loop, take_batch, send_relabel, take_relabel,
    score_again, final_evaluation,
]  # fmt: skip
