"""What people and sensors start: one run is one part of the loop between two pieces of human work."""

import dagster as dg

prepare_pool = dg.define_asset_job(
    "prepare_pool",
    ["source_images", "cvat_pull", "splits", "embeddings", "zcore_scores"],
    description="Register images, cut the held-out sets, embed and score the pool.",
)
send_holdout = dg.define_asset_job(
    "send_holdout", ["holdout_batch"], description="Send val and golden to CVAT; they are labelled once."
)
take_holdout = dg.define_asset_job(
    "take_holdout", ["annotated_holdout"], description="Take the labels of val and golden back."
)
next_batch = dg.define_asset_job(
    "next_batch", ["batch"], description="Choose the images of an iteration and send them."
)
label_loop = dg.define_asset_job(
    "label_loop",
    dg.AssetSelection.assets("annotated_batch", "trained_model", "eval_report", "failure_mined_batch")
    | dg.AssetSelection.checks_for_assets("annotated_batch"),
    description="Take the labels of a batch, check them, train, evaluate, and choose the next batch.",
)
take_batch = dg.define_asset_job(
    "take_batch",
    dg.AssetSelection.assets("annotated_batch") | dg.AssetSelection.checks_for_assets("annotated_batch"),
    description="Take the labels of an older batch again after it was reopened; models of the past stay.",
)

JOBS = [prepare_pool, send_holdout, take_holdout, next_batch, label_loop, take_batch]
