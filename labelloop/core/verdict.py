"""What is wrong with the labels of a batch: sentences that are true or not, and which of them forbid training."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from labelloop.core.bad_boxes import BAD_BOX_REASONS
from labelloop.core.label_version import LabelVersion
from labelloop.core.quality import Agreement, class_drift
from labelloop.core.vocabulary import Quarantine, Source


@dataclass(frozen=True)
class Finding:
    """One sentence about a batch.

    Attributes:
        name: The sentence, as the name of an asset check.
        passed: Whether it is true.
        blocking: Whether training must not go on when it is not.
        detail: What was found, in words.
        figure: The number behind it.
    """

    name: str
    passed: bool
    blocking: bool
    detail: str
    figure: float


@dataclass(frozen=True)
class Limits:
    """From where on a figure is bad."""

    max_bad_box_share: float
    max_class_drift: float
    min_golden_agreement: float


# The sentences, and whether a false one forbids training.
FINDINGS: Mapping[str, bool] = {
    "labels_cover_the_batch": True,
    "every_class_is_in_the_schema": True,
    "no_held_out_image_in_the_batch": True,
    "few_boxes_are_bad": True,
    "every_box_is_good": False,
    "classes_are_as_before": False,
    "golden_images_agree": False,
}


def judge(
    version: LabelVersion,
    manifest: pd.DataFrame,
    held_out: Collection[str],
    past: pd.Series,
    golden: Agreement | None,
    limits: Limits,
) -> list[Finding]:
    """All findings about a batch, in the order of FINDINGS.

    Args:
        version: Labels of the batch.
        manifest: What was sent: sample_id, source.
        held_out: Ids of val, golden and test.
        past: Boxes by class in the batches before.
        golden: Agreement of hidden golden images with their first labels, if there were any.
        limits: From where on a figure is bad.
    """
    bad = version.quarantined[version.quarantined["reason"].isin(BAD_BOX_REASONS)]
    unknown = version.quarantined[version.quarantined["reason"] == Quarantine.UNKNOWN_CLASS]
    lost = sorted(set(manifest["sample_id"]) - set(version.reviewed) - set(version.removed))
    leaked = manifest[manifest["sample_id"].isin(held_out) & (manifest["source"] != Source.GOLDEN)]["sample_id"]
    drift = class_drift(version.boxes["label"].value_counts(), past)
    share = version.bad_box_share
    figures = [
        (not lost, len(lost), f"{len(lost)} images came back without a frame: {_some(lost)}"),
        (
            unknown.empty,
            len(unknown),
            f"{len(unknown)} shapes of unknown classes: {_some(sorted(set(unknown['label'])))}",
        ),
        (leaked.empty, len(leaked), f"{len(leaked)} held-out images were selected: {_some(sorted(leaked))}"),
        (
            share <= limits.max_bad_box_share,
            share,
            f"{share:.1%} of the boxes are bad, {limits.max_bad_box_share:.1%} may",
        ),
        (bad.empty, len(bad), f"{len(bad)} boxes set aside: {_counted(bad['reason'])}"),
        (drift <= limits.max_class_drift, drift, f"class shares moved by {drift:.2f} against the batches before"),
        _golden(golden, limits),
    ]
    return [
        Finding(name, bool(passed), blocking, detail, float(figure))
        for (name, blocking), (passed, figure, detail) in zip(FINDINGS.items(), figures, strict=True)
    ]


def _golden(golden: Agreement | None, limits: Limits) -> tuple[bool, float, str]:
    if golden is None:
        return True, 1.0, "no golden image was hidden in the batch"
    detail = f"{golden.share:.0%} of the objects on {golden.images} golden images agree with their first labels"
    return golden.share >= limits.min_golden_agreement, golden.share, detail


def _some(names: Collection[str], most: int = 5) -> str:
    return ", ".join(list(names)[:most]) + (", …" if len(names) > most else "") if names else "none"


def _counted(reasons: pd.Series) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.value_counts().items()) or "none"
