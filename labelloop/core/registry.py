"""From files to samples: same content at two paths is one sample, same name in two folders is two."""

from collections.abc import Iterable, Mapping

import pandas as pd

SAMPLE_COLUMNS = ["sample_id", "path", "width", "height", "dhash", "source_split", "labelled"]


def samples_table(
    files: pd.DataFrame, splits: Mapping[str, str], labelled: Iterable[str], existing: pd.DataFrame
) -> pd.DataFrame:
    """The samples of all usable files, together with those registered before, which never go away.

    Args:
        files: path, sample_id (None where set aside), width, height, dhash.
        splits: The source's name of a path's split, where it has one.
        labelled: Paths that have an annotation.
        existing: Samples registered before, with SAMPLE_COLUMNS; a path that moved is updated.

    Returns:
        SAMPLE_COLUMNS, sorted by sample_id; each sample has the first of its paths, the split of the first path that
        has one, and is labelled if one of its paths is.
    """
    usable = files[files["sample_id"].notna()].sort_values("path", kind="stable")
    found = usable.drop_duplicates("sample_id").copy()
    named = usable[usable["path"].isin(splits.keys())].drop_duplicates("sample_id")
    split_of = {row.sample_id: splits[row.path] for row in named.itertuples()}
    found["source_split"] = [split_of.get(sample_id) for sample_id in found["sample_id"]]
    marked = set(usable.loc[usable["path"].isin(set(labelled)), "sample_id"])
    found["labelled"] = [sample_id in marked for sample_id in found["sample_id"]]
    gone = existing[~existing["sample_id"].isin(found["sample_id"])] if len(existing) else existing
    # Signed and unsigned integers would meet in floats, which have no room for 64 bits.
    parts = [part.astype({"dhash": "uint64"}) for part in (found, gone) if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else found
    return table[SAMPLE_COLUMNS].sort_values("sample_id", kind="stable", ignore_index=True)


def set_aside(files: pd.DataFrame) -> pd.DataFrame:
    """The files that were not used: path, reason, detail."""
    return files.loc[files["reason"].notna(), ["path", "reason", "detail"]].reset_index(drop=True)
