"""What people and sensors start: one run is one part of the loop between two pieces of human work."""

import dagster as dg

from labelloop.core.vocabulary import STEPS, JobName


def _assets(job: JobName) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*STEPS[job]) | dg.AssetSelection.checks_for_assets(*STEPS[job])


prepare_pool = dg.define_asset_job(
    JobName.PREPARE_POOL.value,
    _assets(JobName.PREPARE_POOL),
    description="Register images, cut the held-out sets, embed and score the pool.",
)
send_holdout = dg.define_asset_job(
    JobName.SEND_HOLDOUT.value,
    _assets(JobName.SEND_HOLDOUT),
    description="Send val and golden to CVAT; they are labelled once.",
)
take_holdout = dg.define_asset_job(
    JobName.TAKE_HOLDOUT.value,
    _assets(JobName.TAKE_HOLDOUT),
    description="Take the labels of val and golden back.",
)
next_batch = dg.define_asset_job(
    JobName.NEXT_BATCH.value,
    _assets(JobName.NEXT_BATCH),
    description="Choose the images of an iteration and send them.",
)
label_loop = dg.define_asset_job(
    JobName.LABEL_LOOP.value,
    _assets(JobName.LABEL_LOOP),
    description="Take the labels of a batch, check them, train, evaluate, and choose the next batch.",
)
take_batch = dg.define_asset_job(
    JobName.TAKE_BATCH.value,
    _assets(JobName.TAKE_BATCH),
    description="Take the labels of an older batch again after it was reopened; models of the past stay.",
)
final_evaluation = dg.define_asset_job(
    JobName.FINAL_EVALUATION.value,
    _assets(JobName.FINAL_EVALUATION),
    description="Have test labelled when first asked, then say how good one model is on it. Only a person starts it.",
)

send_relabel = dg.define_asset_job(
    JobName.SEND_RELABEL.value,
    _assets(JobName.SEND_RELABEL),
    description="Send labelled images to people again, for classes that were appended since.",
)
take_relabel = dg.define_asset_job(
    JobName.TAKE_RELABEL.value,
    _assets(JobName.TAKE_RELABEL),
    description="Take the labels of images that people went through again back.",
)
score_again = dg.define_asset_job(
    JobName.SCORE_AGAIN.value,
    _assets(JobName.SCORE_AGAIN),
    description="Measure the model of an iteration anew, after val has grown or was gone through for a new class.",
)

JOBS = [
    prepare_pool, send_holdout, take_holdout, next_batch, label_loop, take_batch, send_relabel, take_relabel,
    score_again, final_evaluation,
]  # fmt: skip
