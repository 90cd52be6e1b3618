"""Vectors of a project's pictures, computed as far as they are new, and the 2-D maps made from them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg
import numpy as np

from labelloop.adapters.embedding.pictures import Picture
from labelloop.adapters.embedding.run import Embedded, Spread, embed
from labelloop.adapters.files.embedding_store import EmbeddingStore
from labelloop.core.annotation import content_hash
from labelloop.core.map_2d import VERSION, map_2d
from labelloop.core.vocabulary import Split
from labelloop.resources.compute import ComputeResource
from labelloop.resources.embedded import is_portable, provider_of
from labelloop.resources.progress import progress
from labelloop.resources.project import Project

REPORTS = 20  # how often at most the log tells how far it is


@dataclass(frozen=True, eq=False)
class Places:
    """Where pictures lie on a 2-D map.

    Attributes:
        ids: Of the pictures, sorted.
        points: (N, 2).
        fitted: How many of them the map was fitted on.
    """

    ids: list[str]
    points: np.ndarray
    fitted: int


def embedded(
    context: dg.AssetExecutionContext,
    now: Project,
    store: EmbeddingStore,
    pictures: Mapping[str, Picture],
    compute: ComputeResource,
) -> tuple[str, Embedded]:
    """Version of the provider and the vectors of all pictures, stored when anything about them is new."""
    wanted = now.settings.embeddings
    provider = provider_of(now)
    known = store.known(wanted.provider, provider.version)
    with _spread(now, compute, any_new=bool(pictures.keys() - known.keys())) as spread:
        done = embed(
            provider, pictures, known,
            keep=lambda ids, vectors: store.keep(wanted.provider, provider.version, ids, vectors),
            on_progress=progress(context, "embedded {done} of {total} new images", REPORTS), spread=spread,
        )  # fmt: skip
    about = {"recipe": wanted.recipe, "failed": done.failed}
    record = store.record_or_none(wanted.provider) or {}
    if record != record | about | {"version": provider.version, "sample_ids": done.ids}:
        store.save(wanted.provider, provider.version, done.ids, done.vectors, about)
    return provider.version, done


def image_map(now: Project) -> Places:
    """Where the images lie: fitted on the pool alone, held-out images are placed without being learnt from."""
    return places(now, now.ledger.vectors, set(now.ledger.in_split(Split.POOL)).__contains__)


def places(now: Project, store: EmbeddingStore, is_of_pool: Callable[[str], bool]) -> Places:
    """The map of the stored vectors, fitted on those of the pool; the one that is kept, if they are as they were."""
    provider, seed = now.settings.embeddings.provider, now.settings.seed
    ids, vectors = store.load(provider)
    fit = [is_of_pool(name) for name in ids]
    key = content_hash([VERSION, store.key(provider), [name for name, own in zip(ids, fit, strict=True) if own], seed])
    return Places(ids, store.places(provider, key, lambda: map_2d(vectors, fit, seed)), sum(fit))


@contextmanager
def _spread(now: Project, compute: ComputeResource, *, any_new: bool) -> Iterator[Spread | None]:
    """Whoever works on shards elsewhere, if the settings name somebody and the provider can travel.

    Here the pictures of a pass are read by all processors already, and a network uses them all.
    """
    if not any_new or not is_portable(now):
        yield None
        return
    with compute.engine(now) as engine:
        yield engine.over if engine is not None and engine.far else None
