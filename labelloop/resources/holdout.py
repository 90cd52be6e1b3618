"""The batch of held-out images: sent once, and added to where the splits were extended."""

from labelloop.adapters.files.ledger import HOLDOUT
from labelloop.core.vocabulary import Split
from labelloop.resources import outgoing
from labelloop.resources.labelled import labelled
from labelloop.resources.project import Project


def unsent_holdout(now: Project) -> list[str]:
    """Images of val and golden that have no labels of a trusted source and are in no task yet; sorted."""
    tasks = (now.ledger.read_or_none("tasks", HOLDOUT) or {"tasks": []})["tasks"]
    sent = {sample_id for task in tasks for sample_id in task["frames"].values()}
    wanted = set(now.ledger.in_split(Split.VAL, Split.GOLDEN)) - sent
    return sorted(wanted - set(labelled(now, []).reviewed)) if wanted else []


def extend_holdout_batch(now: Project) -> None:
    """Write the manifest of the hold-out, or add the images that are not in it yet; rows that were sent never change.

    An image that is damaged or gone is left out, and added when its file is back.

    Raises:
        MissingStateError: If none of the images can be sent.
    """
    before = now.ledger.read_or_none("batches", HOLDOUT)
    rows = before["rows"] if before else []
    chosen, unsent = [row["sample_id"] for row in rows], unsent_holdout(now)
    unfit = outgoing.unfit_images(now, dict.fromkeys(outgoing.unsent(now, HOLDOUT, [*chosen, *unsent])))
    rows = [row for row in rows if row["sample_id"] not in unfit]
    fresh = [sample_id for sample_id in unsent if sample_id not in {*chosen, *unfit}]
    if unfit and not fresh and not rows:
        raise outgoing.all_unfit("the hold-out", unfit)
    left_out = {"left_out": unfit} if unfit else {}
    part = {"part": 1 + max((row.get("part", 1) for row in rows), default=0)} if rows else {}
    split_of = now.ledger.splits().set_index("sample_id")["split"]
    new = [
        {"rank": rank, "sample_id": sample_id, "source": split_of[sample_id], "score": 0.0,
         "reason": f"held out for {split_of[sample_id]}", **part}
        for rank, sample_id in enumerate(fresh, start=len(rows) + 1)
    ]  # fmt: skip
    record = {"rows": [*rows, *new]} | left_out
    if record != before:
        now.ledger.write("batches", HOLDOUT, record)
