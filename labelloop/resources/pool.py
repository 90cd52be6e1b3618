"""What may still be selected."""

from collections.abc import Collection

import pandas as pd

from labelloop.core.vocabulary import Split, iteration_number
from labelloop.resources.labelled import labelled
from labelloop.resources.outgoing import left_out, unfit_images
from labelloop.resources.project import Project


def remaining_pool(now: Project, before: str = "") -> pd.Series:
    """Coverage score by sample id of the pool images that are neither labelled nor in some batch.

    An image that went to a held-out set after the pool was scored is not of the pool any more. With `before` only the
    batches before that iteration count, so that running a step again gives the same.

    Raises:
        MissingStateError: If the pool was not scored yet.
    """
    return unknown_pool(now, known_before(now, before))


def unknown_pool(now: Project, known: Collection[str]) -> pd.Series:
    """The same, for who knows what is labelled or in some batch."""
    scores = now.ledger.zcore().set_index("sample_id")["zcore"]
    return scores[scores.index.isin(now.ledger.in_split(Split.POOL)) & ~scores.index.isin(list(known))]


def labelled_groups(now: Project, known: Collection[str]) -> tuple[dict[str, str], set[str]]:
    """Near-duplicate group of each sample, and the groups of which one of these samples is a member."""
    groups = now.ledger.splits().set_index("sample_id")["group"].to_dict()
    return groups, {groups[sample_id] for sample_id in known if sample_id in groups}


def known_before(now: Project, before: str = "") -> set[str]:
    """Samples that are labelled or in some batch before an iteration, or left out of one and not to be sent yet."""
    return (
        now.ledger.selected(before) | set(labelled(now, []).reviewed) | set(unfit_images(now, _left_out(now, before)))
    )


def _left_out(now: Project, before: str) -> list[str]:
    names = [it for it in now.ledger.iterations() if not before or iteration_number(it) < iteration_number(before)]
    return sorted({sample_id for it in names for sample_id in left_out(now, it)})
