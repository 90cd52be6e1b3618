"""The history of golden images: what people said of them first, and what they said later, blind."""

from dataclasses import asdict
from typing import Any

from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.files.ledger import HOLDOUT
from labelloop.core.looked import common_version
from labelloop.core.quality import Agreement, agreement
from labelloop.core.vocabulary import Source, Split
from labelloop.resources.project import Project

GOLDEN_HISTORY = "golden_qa_history"  # key in `dataset.info`


def baseline(now: Project) -> dict[str, Any]:
    """The entry of the history for the labels of the hold-out as they are."""
    version = now.ledger.label_version(HOLDOUT)
    golden = set(now.ledger.in_split(Split.GOLDEN)) & set(version.reviewed)
    boxes = version.boxes[version.boxes["sample_id"].isin(golden)]
    return {
        "kind": "baseline", "revision": now.ledger.revision(HOLDOUT), "images": len(golden), "boxes": len(boxes),
        "boxes by class": {str(name): int(count) for name, count in boxes["label"].value_counts().items()},
    }  # fmt: skip


def blind_agreement(now: Project, iteration: str) -> Agreement | None:
    """How the golden images hidden in a batch agree with their first labels; None where there is nothing to compare.

    A class that was appended in between could not be seen the first time, and is no part of it.
    """
    manifest = now.ledger.manifest(iteration)
    hidden = set(manifest.loc[manifest["source"] == Source.GOLDEN, "sample_id"])
    if not hidden or not now.ledger.has_labels(HOLDOUT):
        return None
    first, second = now.ledger.label_version(HOLDOUT), now.ledger.label_version(iteration)
    both = hidden & set(first.reviewed) & set(second.reviewed)
    schema = now.ledger.schema()
    classes = schema.classes_at(common_version([v.looked_for[s] for v in (first, second) for s in both], schema))
    one, two = (version.boxes[version.boxes["label"].isin(classes)] for version in (first, second))
    return agreement(one, two, both) if both else None


def show_golden_history(now: Project, loop: LoopDataset) -> None:
    """What people said of golden images first, and how what they said later compares, as today's labels have it."""
    first = [baseline(now)] if now.ledger.has_labels(HOLDOUT) else []
    judged = [it for it in now.ledger.iterations() if now.ledger.read_or_none("verdicts", it) is not None]
    later = [(it, found) for it in judged if (found := blind_agreement(now, it)) is not None]
    entries = [*first, *({"kind": "blind", "iteration": it, **asdict(found)} for it, found in later)]
    if entries:
        loop.write_info(GOLDEN_HISTORY, entries)
