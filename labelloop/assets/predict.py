"""Predict: what the newest model sees on the images that nobody has labelled yet."""

import dagster as dg

from labelloop.partitions import ITERATIONS
from labelloop.resources.stage import OWNERS

# No step makes it: one that is left out would leave out `failure_mined_batch` as well. Nor is it upstream of `batch`,
# which reads that of the iteration before: Dagster knows of no edge to an earlier partition and would see a circle.
pool_predictions = dg.AssetSpec(
    "pool_predictions",
    group_name="iteration", owners=OWNERS, kinds={"yolo"}, partitions_def=ITERATIONS,
    deps=["trained_model", "zcore_scores"],
    description="""What the model of this iteration sees on the images that nobody has labelled, however unsure it is.

Made only when a query strategy asks for it (`entropy`, `margin`, or any with `batch.class_balanced`): nothing waits for
it, and there is nothing to materialise. `failure_mined_batch` has the model predict, or `batch` of the next iteration
when its run names such a strategy, and says so here; while model and images are the same, what is there serves again.
""",
)  # fmt: skip
