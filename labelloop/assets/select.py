"""Select: the images people label next, sent to CVAT."""

import dagster as dg
import pandas as pd
from pydantic import Field

from labelloop.core.annotation import content_hash
from labelloop.core.errors import LabelError, MissingStateError
from labelloop.core.selection import batch_size, with_golden
from labelloop.core.vocabulary import Source, Split, batch_view, iteration_number, previous_iteration
from labelloop.partitions import ITERATIONS
from labelloop.resources import prefilled
from labelloop.resources.choosing import Choice, choose_batch
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.detector import DetectorResource, Log
from labelloop.resources.embedded import require_current_scores, require_same_version
from labelloop.resources.links import links, show_ways_back
from labelloop.resources.outgoing import left_out, told_of_left_out, unfit_images
from labelloop.resources.pool import remaining_pool
from labelloop.resources.pool_predictions import report_pool_predictions
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.sheets import sheet
from labelloop.resources.stage import CVAT_RETRIES, OWNERS, stage
from labelloop.resources.tables import counts, table

MANIFEST_ROWS = 20  # on the page; the whole manifest is a file


class BatchConfig(dg.Config):
    """Overrides of labelloop.yaml for one run."""

    budget: str = Field(
        "", description="Number of images, or a share like 10% (v0 only); empty: batch.budget, or all that were mined."
    )
    strategy: str = Field(
        "", description="Query strategy of this batch, chosen now; empty: batch.strategy, or the batch that was mined."
    )


@dg.asset(
    group_name="iteration", owners=OWNERS, kinds={"cvat", "fiftyone"}, partitions_def=ITERATIONS,
    deps=["embeddings", "zcore_scores"], retry_policy=CVAT_RETRIES,
)  # fmt: skip
@stage
def batch(
    context: dg.AssetExecutionContext,
    config: BatchConfig,
    project: ProjectResource,
    dataset: DatasetResource,
    cvat: CvatResource,
    detector: DetectorResource,
) -> dg.MaterializeResult:
    """The images people label in this iteration, in CVAT tasks.

    v0 is chosen by coverage alone, later ones by what `failure_mined_batch` of the iteration before proposes, unless
    `batch.strategy` in labelloop.yaml, or `strategy` in the config of this run, names another query strategy. The
    manifest has a row for each image with its rank, source, score and reason. It is written once: running again
    finds the same tasks. With `annotation.prefill: model` the boxes of the newest earlier model are drawn in them,
    once, for people to correct. View `batch_vN` in FiftyOne.
    """
    iteration = context.partition_key
    iteration_number(iteration)
    now = project.current
    # The terminal runs a partition that nobody registered; without this the result could not be stored.
    context.instance.add_dynamic_partitions(str(ITERATIONS.name), [iteration])
    manifest = _manifest(now, detector, Choice(iteration, config.strategy, config.budget), context.log.info)
    report_pool_predictions(context, now, previous_iteration(iteration))
    prefilled.propose(now, detector, iteration, context.log.info)
    sent = cvat.send(now, iteration, manifest, context.log.info)
    prefilled.draw(now, cvat, iteration, context.log.info)
    with dataset.writing(now, context.log.info) as loop:
        loop.show_batch(iteration, manifest)
        show_ways_back(now, loop, iteration)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(content_hash(list(manifest["sample_id"]))),
        metadata={
            "dagster/row_count": len(manifest),
            **links(now, sent, batch_view(iteration)),
            "images by source": counts(manifest["source"].value_counts().to_dict(), "source"),
            "first images": sheet(now, list(manifest["sample_id"])),
            "manifest": table(manifest, most=MANIFEST_ROWS),
            "remaining after this": len(remaining_pool(now)),
            **told_of_left_out(left_out(now, iteration)),
            **prefilled.told_of_sending(now, iteration),
            **_without_golden(now),
            **_lineage(iteration),
        },
    )


def _manifest(now: Project, detector: DetectorResource, choice: Choice, log: Log) -> pd.DataFrame:
    """The manifest of before, or a new one: what is sent to people never changes afterwards."""
    iteration = choice.iteration
    if now.ledger.read_or_none("batches", iteration) is None:
        rows = _choose(now, detector, choice, log)
        golden = now.ledger.in_split(Split.GOLDEN)
        count = min(now.settings.golden_per_batch, len(golden))
        rows = with_golden(rows, golden, count, now.rng("golden", iteration))
        unfit = unfit_images(now, rows["sample_id"])
        fit = rows[~rows["sample_id"].isin(unfit)]
        if fit[fit["source"] != Source.GOLDEN].empty:
            raise MissingStateError(
                f"No image that was chosen for {iteration} can be sent: {'; '.join(unfit.values())}"
            )
        missing = {"left_out": unfit} if unfit else {}
        now.ledger.write("batches", iteration, {"rows": fit.to_dict("records")} | missing)
    return now.ledger.manifest(iteration)


def _choose(now: Project, detector: DetectorResource, choice: Choice, log: Log) -> pd.DataFrame:
    if previous_iteration(choice.iteration) is not None:
        selection = now.ledger.read("selections", choice.iteration)
        require_same_version(now, selection, choice.iteration)
        if selection["stopped"]:
            raise MissingStateError(
                f"The loop has stopped: {selection['stopped']}", "Change the rule under stop: and run label_loop again."
            )
        if choice.strategy in ("", selection.get("strategy", "")):
            return _cut(pd.DataFrame(selection["rows"]), choice.iteration, choice.budget)
    require_current_scores(now)
    if remaining_pool(now, before=choice.iteration).empty:
        raise MissingStateError("No unlabelled image is left in the pool", "Add images and run prepare_pool.")
    return choose_batch(now, detector, choice, log)


def _cut(rows: pd.DataFrame, iteration: str, budget: str) -> pd.DataFrame:
    """The best of a selection, when this run asks for fewer than were mined."""
    wanted = batch_size(budget, len(rows)) if budget else len(rows)
    if budget.isdigit() and int(budget) > len(rows):
        raise LabelError(
            f"{budget} images were asked for, {len(rows)} were mined for {iteration}",
            "Raise batch.budget and materialise failure_mined_batch of the iteration before.",
        )
    return rows.head(wanted)


def _without_golden(now: Project) -> dict[str, dg.MetadataValue]:
    if now.settings.golden_per_batch == now.settings.batch.golden_per_batch:
        return {}
    why = "none hidden: the App shows their first labels, so nobody could annotate them blind"
    return {"golden images": dg.MetadataValue.text(why)}


def _lineage(iteration: str) -> dict[str, dg.MetadataValue]:
    before = previous_iteration(iteration)
    if before is None:
        return {}
    return {
        "selected by": dg.MetadataValue.asset(dg.AssetKey("failure_mined_batch")),
        "previous iteration": dg.MetadataValue.text(before),
    }
