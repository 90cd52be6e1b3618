"""Test, val, golden and pool: cut once by groups, and never moved afterwards.

Images that nearly equal each other, or that share a group key (a video, a patient), stand on one side, or a model is
scored on what it has learnt by heart. Which groups are held out depends on the seed and on their names alone.

Samples are rows with `sample_id`, `dhash` and, where needed, `path` and `source_split`. A split table has the columns
`sample_id, split, group, origin`, sorted by sample id.
"""

import hashlib
import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from labelloop.core.errors import ConfigError, LabelError
from labelloop.core.hashes import Groups, as_hashes, duplicate_groups, merge_groups, near
from labelloop.core.vocabulary import HELD_OUT, SPLIT_ALIASES, Split

COLUMNS = ("sample_id", "split", "group", "origin")

# Origins: who decided where a sample stands.
SOURCE, CUT, LATE, LEAK, EXTENDED = "source", "cut", "late", "leak", "extended"


@dataclass(frozen=True)
class SplitSize:
    """How many images a split shall hold: a share (below 1) or a count, and never more than `most`."""

    amount: float
    most: int

    def of(self, total: int) -> int:
        """The size for a data set of `total` images."""
        wanted = self.amount * total if self.amount < 1 else self.amount
        return min(math.floor(wanted + 1e-9), self.most)


@dataclass(frozen=True)
class SplitSizes:
    """Sizes of the held-out splits."""

    val: SplitSize
    golden: SplitSize
    test: SplitSize

    def of(self, split: Split, total: int) -> int:
        """Size of a split; val gets an image as soon as there are three, without it nothing can be scored."""
        sizes = {Split.VAL: self.val, Split.GOLDEN: self.golden, Split.TEST: self.test}
        size = sizes[split].of(total)
        return max(size, 1) if split is Split.VAL and self.val.amount > 0 and total >= 3 else size


@dataclass(frozen=True)
class Grouping:
    """What keeps images together.

    Attributes:
        distance: Images whose dHash differs in at most this many bits.
        pattern: Regular expression searched in the path; images whose first group is equal. Empty: none.
    """

    distance: int = 6
    pattern: str = ""


_DEFAULT = Grouping()


def cut(
    samples: pd.DataFrame, sizes: SplitSizes, *, seed: int, grouping: Grouping = _DEFAULT, from_source: bool = True
) -> pd.DataFrame:
    """Split table of a data set that has none yet.

    Splits that the source brings are kept as published. A split it lacks is cut from what it calls train, or has no
    name for, and only from groups that lie there as a whole.

    Args:
        samples: One row for each image; any order.
        sizes: Sizes of the splits that are cut.
        seed: Orders the groups.
        grouping: What keeps images together.
        from_source: Keep the splits of the source.

    Returns:
        The split table; origin is `source` or `cut`.

    Raises:
        LabelError: If the source has a split nobody knows, an id occurs twice, or val or the pool would be empty.
    """
    table = _canonical(samples)
    published = _published(table) if from_source else [None] * len(table)
    split = np.array([known or Split.POOL for known in published], dtype=object)
    groups = _groups(table, grouping)
    for wanted in HELD_OUT:
        if wanted not in published:
            free, size = _whole_groups(groups, split), sizes.of(wanted, len(table))
            chosen = _chosen(free, size, seed)
            if wanted is Split.VAL and size and not chosen:
                chosen = _smallest(free, seed)
            split[[group in chosen for group in groups]] = wanted
    origin = [SOURCE if before == now else CUT for before, now in zip(published, split, strict=True)]
    result = _table(table["sample_id"], split, groups, origin)
    _refuse_empty(result, sizes)
    return result


def extend(existing: pd.DataFrame, samples: pd.DataFrame, *, grouping: Grouping = _DEFAULT) -> pd.DataFrame:
    """Split table with the samples that came later; nobody who stands in `existing` moves.

    Newcomers join the pool. One that nearly equals a held-out image, or shares its group key, is a leak: training on
    it would teach the answer, scoring it would count it twice.

    Args:
        existing: The split table so far.
        samples: All samples, old and new.
        grouping: What keeps images together, as when `existing` was cut.

    Returns:
        The rows of `existing` unchanged, and one for each newcomer with origin `late` or `leak`.

    Raises:
        LabelError: If an id occurs twice.
    """
    table = _canonical(samples)
    stands = dict(zip(existing["sample_id"], existing["split"], strict=True))
    late = ~table["sample_id"].isin(stands).to_numpy()
    held = table["sample_id"].map(stands).isin(HELD_OUT).to_numpy()
    hashes, keys = as_hashes(table["dhash"]), np.array(_keys(table, grouping.pattern), dtype=object)
    leak = near(hashes, hashes[held], grouping.distance) | np.isin(keys, [key for key in keys[held] if key is not None])
    groups = _adopted(_groups(table, grouping), table["sample_id"], existing)
    split, origin = np.where(leak, Split.LEAK, Split.POOL), np.where(leak, LEAK, LATE)
    newcomers = _table(table["sample_id"], split, groups, origin)[late]
    both = pd.concat([existing[list(COLUMNS)], newcomers]) if len(newcomers) else existing[list(COLUMNS)]
    return both.sort_values("sample_id", ignore_index=True)


def grow(
    existing: pd.DataFrame,
    samples: pd.DataFrame,
    sizes: SplitSizes,
    *,
    taken: Collection[str],
    seed: int,
    grouping: Grouping = _DEFAULT,
) -> pd.DataFrame:
    """Split table whose held-out sets have grown to the size they would have today; nobody ever leaves one.

    Only groups join of which every member is in the pool, and was never selected nor labelled: no model has learnt
    from one, and none nearly equals an image that a model has learnt from.

    Args:
        existing: The split table, with all samples in it.
        samples: All samples.
        sizes: Sizes of the held-out splits, for the data set as it is now.
        taken: Ids of samples that were selected, are about to be, or have labels.
        seed: Decides which groups join.
        grouping: What keeps images together.
    """
    table = _canonical(samples[samples["sample_id"].isin(existing["sample_id"])])
    result = existing.set_index("sample_id").loc[table["sample_id"]].reset_index()
    # Groups of today: a newcomer may hang together with images of two groups of before.
    groups = _groups(table, grouping)
    split = np.array([Split(name) for name in result["split"]], dtype=object)
    split[table["sample_id"].isin(taken).to_numpy() & (split == Split.POOL)] = Split.LEAK  # not to be chosen
    for wanted in HELD_OUT:
        more = sizes.of(wanted, len(table)) - int((split == wanted).sum())
        if more > 0:
            chosen = _chosen(_whole_groups(groups, split), more, seed)
            split[[group in chosen for group in groups]] = wanted
    moved = np.isin(split, HELD_OUT) & (result["split"] == Split.POOL).to_numpy()
    grown = result.assign(
        split=np.where(moved, [str(name) for name in split], result["split"]),
        origin=np.where(moved, EXTENDED, result["origin"]),
    )
    _refuse_empty(grown, sizes)
    return grown[list(COLUMNS)].sort_values("sample_id", ignore_index=True)


def spanning_groups(splits: pd.DataFrame) -> pd.DataFrame:
    """Groups that stand on both sides of a split, as published data sets often have them.

    Returns:
        One row for each such group: `group`, `splits` (sorted, joined by a comma), `sample_ids` (sorted tuple).
    """
    usable = splits[splits["split"] != Split.LEAK]
    rows = [
        (name, ", ".join(sorted(set(members["split"]))), tuple(sorted(members["sample_id"])))
        for name, members in usable.groupby("group", sort=True)
        if len(set(members["split"])) > 1
    ]
    return pd.DataFrame(rows, columns=["group", "splits", "sample_ids"])


def _canonical(samples: pd.DataFrame) -> pd.DataFrame:
    twice = samples.loc[samples["sample_id"].duplicated(), "sample_id"]
    if len(twice):
        raise LabelError(f"Sample ids occur twice: {', '.join(sorted(set(twice))[:5])}")
    return samples.sort_values("sample_id", ignore_index=True)


def _published(table: pd.DataFrame) -> list[Split | None]:
    """Split each sample has in its source, None where it has none."""
    if "source_split" not in table:
        return [None] * len(table)
    named = table["source_split"].notna()
    names = [name if known else None for name, known in zip(table["source_split"], named, strict=True)]
    unknown = sorted({name for name in names if name is not None and name.strip().lower() not in SPLIT_ALIASES})
    if unknown:
        raise LabelError(
            f"The source has splits that labelloop does not know: {', '.join(unknown)}",
            f"Rename them to one of {', '.join(SPLIT_ALIASES)}, or set splits.from_source: false.",
        )
    return [None if name is None else SPLIT_ALIASES[name.strip().lower()] for name in names]


def _groups(table: pd.DataFrame, grouping: Grouping) -> Groups:
    groups = duplicate_groups(as_hashes(table["dhash"]), table["sample_id"].tolist(), grouping.distance)
    return merge_groups(groups.tolist(), _keys(table, grouping.pattern)) if grouping.pattern else groups


def _keys(table: pd.DataFrame, pattern: str) -> list[str | None]:
    """First group of the pattern in each path, None where it is not found."""
    if not pattern:
        return [None] * len(table)
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"splits.group_by is not a regular expression: {pattern!r} ({error})") from error
    if not expression.groups:
        raise ConfigError(f"splits.group_by has no group: {pattern!r}", "Put the part that names the group in ( ).")
    found = [expression.search(str(path)) for path in table["path"]]
    return [match.group(1) if match else None for match in found]


def _whole_groups(groups: Groups, split: np.ndarray) -> pd.Series:
    """Sizes, by name, of the groups of which every member is still in the pool."""
    by_group = pd.Series(split == Split.POOL).groupby(groups)
    sizes: pd.Series = by_group.size()
    return sizes[by_group.all()]


def _chosen(free: pd.Series, size: int, seed: int) -> set[str]:
    """Groups, in the order of their keyed hash, that together come as near to `size` images as groups allow."""
    order = sorted(free.index, key=lambda name: _keyed(name, seed))
    chosen: set[str] = set()
    taken = 0
    for name in order:
        if free[name] < 2 * (size - taken):  # with it the split is nearer to its size than without
            chosen.add(name)
            taken += int(free[name])
    return chosen


def _smallest(free: pd.Series, seed: int) -> set[str]:
    """The smallest group, if at least as much is left: much too large a val is better than none."""
    if len(free) < 2:
        return set()
    return {min(free.index, key=lambda name: (free[name], _keyed(name, seed)))}


def _keyed(name: str, seed: int) -> bytes:
    return hashlib.blake2b(name.encode(), key=str(seed).encode(), digest_size=16).digest()


def _adopted(groups: Groups, sample_ids: pd.Series, existing: pd.DataFrame) -> Groups:
    """Group names as they already stand, where a group has an older member; else the new ones."""
    known = dict(zip(existing["sample_id"], existing["group"], strict=True))
    names: dict[str, str] = {}
    for group, sample_id in zip(groups, sample_ids, strict=True):
        if sample_id in known:
            names[group] = min(known[sample_id], names.get(group, known[sample_id]))
    return np.array([names.get(group, group) for group in groups], dtype=object)


def _table(sample_ids: pd.Series, split: Iterable[str], groups: Groups, origin: Iterable[str]) -> pd.DataFrame:
    values = {
        "sample_id": sample_ids, "split": [str(name) for name in split], "group": groups,
        "origin": [str(name) for name in origin],
    }  # fmt: skip
    return pd.DataFrame(values, columns=list(COLUMNS))


def _refuse_empty(splits: pd.DataFrame, sizes: SplitSizes) -> None:
    held = splits["split"].value_counts()
    remedy = "Bring more images, lower splits.val, golden and test, or group fewer images together (splits.group_by)."
    if not held.get(Split.POOL, 0):
        raise LabelError(f"No image is left in the pool of {len(splits)}: {held.to_dict()}", remedy)
    if sizes.of(Split.VAL, len(splits)) and not held.get(Split.VAL, 0):
        raise LabelError(f"All {len(splits)} images hang together in groups too large to cut val from them", remedy)
