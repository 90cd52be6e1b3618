"""Boxes of a project as patches: which there are, their vectors, and where they lie on a map."""

from collections.abc import Callable

import dagster as dg
import pandas as pd

from labelloop.adapters.embedding.pictures import Patch, Picture
from labelloop.adapters.embedding.run import Embedded
from labelloop.adapters.fiftyone.dataset import LoopDataset
from labelloop.adapters.fiftyone.patch_map import hide_patch_map, show_patch_map
from labelloop.adapters.files.embedding_store import EmbeddingStore
from labelloop.core.boxes import CORNERS
from labelloop.core.patches import EDGES, patches, sample_of
from labelloop.core.strangers import strangers
from labelloop.core.vocabulary import Field, Split, predictions_field
from labelloop.resources.compute import ComputeResource
from labelloop.resources.labelled import labelled
from labelloop.resources.project import Project
from labelloop.resources.vectors import embedded, places

MISSING = "Set embeddings.patches: true in labelloop.yaml and materialise patch_embeddings."


def patch_vectors(now: Project) -> EmbeddingStore:
    """Vectors of patches, by provider; their ids are those of patches."""
    return EmbeddingStore(now.home.root / "patches", MISSING)


def labelled_patches(now: Project) -> pd.DataFrame:
    """The patch of each box that is known to be right as far as anybody knows: sample_id, label and its edges.

    Boxes of test are not among them: its labels have one reader.
    """
    batches = [it for it in now.ledger.iterations() if now.ledger.has_labels(it)]
    boxes = labelled(now, batches).boxes
    return patches(boxes[["sample_id", "label", *CORNERS]], now.ledger.samples())


def predicted_patches(now: Project) -> tuple[str, pd.DataFrame]:
    """The newest iteration that was evaluated, and the patch of each box its model predicts on val."""
    done = [it for it in now.ledger.iterations() if now.ledger.read_or_none("reports", it) is not None]
    if not done:
        return "", patches(pd.DataFrame(columns=["sample_id", "label", *CORNERS]), now.ledger.samples())
    return done[-1], patches(now.ledger.predictions(done[-1]), now.ledger.samples())


def embed_patches(
    context: dg.AssetExecutionContext, now: Project, wanted: pd.DataFrame, compute: ComputeResource
) -> Embedded:
    """Vectors of these patches; only those that were never seen are computed, those that are gone are forgotten."""
    samples = now.ledger.samples()
    path_of = {row.sample_id: now.home.locate(row.path) for row in samples.itertuples()}
    rows = wanted[["patch_id", "sample_id", *EDGES]].drop_duplicates("patch_id").itertuples(index=False)
    pictures: dict[str, Picture] = {name: Patch(path_of[sample_id], tuple(edges)) for name, sample_id, *edges in rows}
    return embedded(context, now, patch_vectors(now), pictures, compute)[1]


def show_patches(now: Project, loop: LoopDataset) -> int:
    """The map of boxes in the App, as far as they are embedded; returns on how many it was fitted.

    It is fitted on patches of the pool alone.
    """
    mapped = places(now, patch_vectors(now), _is_of_pool(now))
    points = dict(zip(mapped.ids, mapped.points, strict=True))
    samples = now.ledger.samples()
    iteration, _ = predicted_patches(now)
    fields = [str(Field.HUMAN_LABELS), *([predictions_field(iteration)] if iteration else [])]
    show_patch_map(loop, fields, samples, points)
    return mapped.fitted


def show_patches_if_any(now: Project, loop: LoopDataset) -> None:
    """The same, for who does not know whether boxes are embedded; a map of before goes where they are not."""
    if now.settings.embeddings.patches and patch_vectors(now).key(now.settings.embeddings.provider) is not None:
        show_patches(now, loop)
    else:
        hide_patch_map(loop)


def strangers_table(now: Project, drawn: pd.DataFrame) -> pd.DataFrame:
    """Boxes that people drew and that lie among boxes of another class: sample_id, label, among, share, its corners."""
    ids, vectors = patch_vectors(now).load(now.settings.embeddings.provider)
    row_of = {name: row for row, name in enumerate(ids)}
    known = drawn[drawn["patch_id"].isin(row_of.keys())].sort_values(["patch_id", "label"], ignore_index=True)
    rows = vectors[[row_of[name] for name in known["patch_id"]]]
    found = strangers(rows, list(known["label"]), list(known["sample_id"]), now.rng("strangers"))
    shown = known.iloc[found["row"].to_numpy(dtype=int)].reset_index(drop=True)
    return pd.concat([shown[["sample_id", "label"]], found[["among", "share"]], shown[CORNERS]], axis=1)


def _is_of_pool(now: Project) -> Callable[[str], bool]:
    pool = set(now.ledger.in_split(Split.POOL))
    return lambda name: sample_of(name) in pool
