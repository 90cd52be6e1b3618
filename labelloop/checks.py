"""Sentences about a batch that are true when they pass; those that forbid training block the run."""

import warnings
from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg
import pandas as pd

from labelloop.core.quality import Agreement
from labelloop.core.verdict import FINDINGS, Finding, Limits, judge
from labelloop.core.vocabulary import HELD_OUT, iteration_number
from labelloop.partitions import ITERATIONS
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.golden import blind_agreement, show_golden_history
from labelloop.resources.lesson import Lesson, lesson, measure
from labelloop.resources.project import Project, ProjectResource
from labelloop.resources.replay_result import verdict_for
from labelloop.resources.stage import stage

ANNOTATED = dg.AssetKey("annotated_batch")
DESCRIPTIONS = {
    "labels_cover_the_batch": "Every image that was sent came back, or was removed in CVAT.",
    "every_class_is_in_the_schema": "Nobody used a class that the schema does not have.",
    "no_held_out_image_in_the_batch": "No val, golden or test image was selected; hidden golden images are exempt.",
    "few_boxes_are_bad": "Degenerate, out-of-frame and duplicate boxes are within checks.max_bad_box_share.",
    "every_box_is_good": "No box had to be set aside.",
    "classes_are_as_before": "Class shares are near those of the batches before.",
    "golden_images_agree": "Golden images hidden in the batch were annotated as they were the first time.",
}

# Partitioned checks are in preview in 1.13; the pin on dagster keeps them as they are.
warnings.filterwarnings("ignore", category=dg.PreviewWarning, message=".*AssetCheckSpec.*")
SPECS = [
    dg.AssetCheckSpec(
        name, asset=ANNOTATED, blocking=blocking, description=DESCRIPTIONS[name], partitions_def=ITERATIONS
    )
    for name, blocking in FINDINGS.items()
]


@dg.multi_asset_check(specs=SPECS)
@stage
def batch_labels(
    context: dg.AssetCheckExecutionContext, project: ProjectResource, dataset: DatasetResource
) -> Iterator[dg.AssetCheckResult]:
    """Judge the labels of a batch and keep the verdict, without which `trained_model` refuses to train."""
    iteration = context.partition_key
    now = project.current
    golden = blind_agreement(now, iteration)
    findings = _judge(now, iteration, golden)
    now.ledger.write(
        "verdicts",
        iteration,
        {
            "revision": now.ledger.revision(iteration),
            "passed": all(finding.passed for finding in findings if finding.blocking),
            "findings": [asdict(finding) for finding in findings],
        },
    )
    if golden is not None:
        with dataset.writing(now, context.log.info) as loop:
            show_golden_history(now, loop)
    yield from map(_result, findings)


@dg.asset_check(
    asset=dg.AssetKey("trained_model"), partitions_def=ITERATIONS,
    description="People looked for every class on every image that the model learns from.",
)  # fmt: skip
@stage
def images_were_looked_at_for_every_class(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Tell which classes wait, or which images are left out, since a class was appended."""
    return _told(lesson(project.current, context.partition_key))


@dg.asset_check(
    asset=dg.AssetKey("eval_report"), partitions_def=ITERATIONS,
    description="People looked for every class on val, so that each counts in mAP.",
)  # fmt: skip
@stage
def val_was_looked_at_for_every_class(
    context: dg.AssetCheckExecutionContext,  # noqa: ARG001  the wrapper of stages passes it
    project: ProjectResource,
) -> dg.AssetCheckResult:
    """Tell which classes are no part of mAP, since val was labelled before they were appended."""
    return _told(measure(project.current))


@dg.asset_check(
    asset=dg.AssetKey("batch"), partitions_def=ITERATIONS,
    description="The query strategy of this project beats random on its data, as `labelloop benchmark` measured it.",
)  # fmt: skip
@stage
def selection_helps(
    context: dg.AssetCheckExecutionContext,  # noqa: ARG001  the wrapper of stages passes it
    project: ProjectResource,
) -> dg.AssetCheckResult:
    """Tell the verdict of the benchmark, or that nothing was measured yet and what to run."""
    helps, told = verdict_for(project.current)
    return dg.AssetCheckResult(passed=helps, severity=dg.AssetCheckSeverity.WARN, description=told)


def _told(found: Lesson) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not found.unseen,
        severity=dg.AssetCheckSeverity.WARN,
        description=found.told or f"{len(found.data.reviewed)} images, {len(found.classes)} classes",
        metadata={"images not looked at for every class": len(found.unseen), "classes": ", ".join(found.classes)},
    )


def _judge(now: Project, iteration: str, golden: Agreement | None) -> list[Finding]:
    settings = now.settings.checks
    limits = Limits(settings.max_bad_box_share, settings.max_class_drift, settings.min_golden_agreement)
    return judge(
        now.ledger.label_version(iteration),
        now.ledger.manifest(iteration),
        set(now.ledger.in_split(*HELD_OUT)),
        _past(now, iteration),
        golden,
        limits,
    )


def _past(now: Project, iteration: str) -> pd.Series:
    """Boxes by class in the batches before this one."""
    number = iteration_number(iteration)
    before = [name for name in now.ledger.labelled_batches(iteration) if iteration_number(name) < number]
    counts = [now.ledger.label_version(name).boxes["label"].value_counts() for name in before]
    return pd.concat(counts).groupby(level=0).sum() if counts else pd.Series(dtype=int)


def _result(finding: Finding) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=ANNOTATED,
        check_name=finding.name,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.ERROR if finding.blocking else dg.AssetCheckSeverity.WARN,
        description=finding.detail,
        metadata={"figure": round(finding.figure, 4)},
    )
