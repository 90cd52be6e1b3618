"""Near-duplicates among all embedded images: how they are searched for, where they are kept."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labelloop.adapters import faiss_centres
from labelloop.core.annotation import content_hash
from labelloop.core.directions import Directions, mean_of
from labelloop.core.duplicates import near_duplicate_groups, near_links
from labelloop.core.hashes import Links
from labelloop.core.inverted_lists import LEAST_RECALL, SAMPLE, inverted_lists
from labelloop.core.vocabulary import HELD_OUT, Split
from labelloop.resources.embedded import require_current_embeddings
from labelloop.resources.project import Project

EXACT = "every image compared with all"
_LISTS = 2  # times the root of the number of images
_FITTED = 32  # images for each list, from which its centre is found

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """What was found.

    Attributes:
        groups: sample_id, group, split of the images that have a near-duplicate, by group; a group is called after
            the image that stands for it, the one of the smallest id.
        searched: How they were searched for, and what that guarantees.
        images: How many were compared.
        made_from: Hash of what they follow from.
    """

    groups: pd.DataFrame
    searched: str
    images: int
    made_from: str

    def by_group(self) -> pd.DataFrame:
        """group, images, splits, on_both_sides (of the pool and a held-out set), the largest first."""
        rows = [
            (
                group,
                len(splits),
                ", ".join(sorted(set(splits))),
                Split.POOL in set(splits) and not set(splits).isdisjoint(HELD_OUT),
            )
            for group, splits in self.groups.groupby("group")["split"]
        ]
        table = pd.DataFrame(rows, columns=["group", "images", "splits", "on_both_sides"])
        return table.sort_values(["images", "group"], ascending=[False, True], ignore_index=True)


def find_near_duplicates(now: Project, say: Say) -> NearDuplicates:
    """Groups of images whose embeddings are nearly equal, of all splits.

    Raises:
        MissingStateError: If the images are not embedded as the settings have it.
    """
    require_current_embeddings(now)
    wanted = now.settings.near_duplicates
    ids, vectors = now.ledger.embeddings(now.settings.embeddings.provider)
    split_of = now.ledger.splits().set_index("sample_id")["split"]
    # Nothing is fitted on held-out images, the centre neither.
    pool = np.flatnonzero((split_of.reindex(ids) == Split.POOL).to_numpy())
    made_from = _made_from(now, [ids[row] for row in pool])
    stored = now.ledger.read_or_none("duplicates", "near")
    if stored is not None and stored.get("made_from") == made_from:
        groups, searched = pd.DataFrame(stored["groups"].items(), columns=["sample_id", "group"]), stored["searched"]
    else:
        rows = Directions(vectors, mean_of(vectors, pool) if wanted.centre else None)
        links, searched = _links(now, rows, say)
        groups = pd.DataFrame({"sample_id": ids, "group": near_duplicate_groups(links, ids)})
        groups = groups[groups["group"].duplicated(keep=False)]
    groups = groups.sort_values(["group", "sample_id"], ignore_index=True)
    splits = groups["sample_id"].map(split_of).fillna("not split yet")
    return NearDuplicates(groups.assign(split=splits), searched, len(ids), made_from)


def _made_from(now: Project, pool: Sequence[str]) -> str:
    """Differs where another search might find other groups."""
    provider, settings = now.settings.embeddings.provider, now.settings.near_duplicates.model_dump()
    return content_hash([str(now.ledger.vectors.key(provider)), settings, list(pool), faiss_centres.is_installed()])


def keep_near_duplicates(now: Project, found: NearDuplicates) -> None:
    """Write the groups, from which FiftyOne can be made again."""
    groups = dict(zip(found.groups["sample_id"], found.groups["group"], strict=True))
    record = {"groups": groups, "made_from": found.made_from, "searched": found.searched}
    now.ledger.write("duplicates", "near", record)


def stored_groups(now: Project) -> dict[str, str] | None:
    """Group of each image that has a near-duplicate; None before anybody searched for them."""
    stored = now.ledger.read_or_none("duplicates", "near")
    return None if stored is None else stored["groups"]


def _links(now: Project, rows: Directions, say: Say) -> tuple[Iterable[Links], str]:
    wanted = now.settings.near_duplicates
    everyone = near_links(rows, wanted.threshold)
    if len(rows) <= wanted.exact_up_to:
        return everyone, EXACT
    if not faiss_centres.is_installed():
        say(f"comparing each of {len(rows)} images with all; `pip install 'labelloop[scale]'` makes that faster")
        return everyone, EXACT
    rng = now.rng("near_duplicates")
    count = int(_LISTS * len(rows) ** 0.5)
    fitted = np.sort(rng.permutation(len(rows))[: _FITTED * count])
    centres = faiss_centres.centres(rows.narrow(fitted), count, now.settings.seed)
    sample = np.sort(rng.permutation(len(rows))[:SAMPLE])
    lists = inverted_lists(rows, centres, wanted.threshold, sample)
    if lists is None:
        say(f"faiss' lists find less than {LEAST_RECALL:.0%} of the pairs of a sample; comparing each image with all")
        return everyone, f"{EXACT}, as lists missed more than {1 - LEAST_RECALL:.0%} of the pairs of a sample"
    share = "no pair was in the sample" if np.isnan(lists.recall) else f"they find {lists.recall:.2%} of its pairs"
    return lists.links(wanted.threshold), f"{len(centres)} lists, measured on {len(sample)} images: {share}"
