"""The next batch, chosen by a query strategy from what is labelled, what remains, and what the newest model does."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labelloop.core.selection import Failures, Mix, Pool, batch_size
from labelloop.core.strategies.choose import choose, strategy_of
from labelloop.core.strategies.query import Query
from labelloop.core.vocabulary import Split, previous_iteration
from labelloop.resources.detector import DetectorResource, Log
from labelloop.resources.labelled import labelled
from labelloop.resources.pool import known_before, labelled_groups, unknown_pool
from labelloop.resources.pool_predictions import pool_predictions
from labelloop.resources.project import Project


@dataclass(frozen=True)
class Choice:
    """How the batch of an iteration is to be chosen; empty fields take what labelloop.yaml says.

    Attributes:
        iteration: The iteration that the batch is for.
        strategy: Name of a query strategy.
        budget: Images, or a share of what remains.
    """

    iteration: str
    strategy: str = ""
    budget: str = ""


def choose_batch(now: Project, detector: DetectorResource, choice: Choice, log: Log) -> pd.DataFrame:
    """Manifest of the batch of an iteration, without golden images; choosing again gives the same.

    Raises:
        LabelError: If there is no such strategy.
        MissingStateError: If the iteration before has no report, or the pool is not scored.
    """
    name = choice.strategy or now.settings.batch.strategy
    strategy, before = strategy_of(name), previous_iteration(choice.iteration)
    known = known_before(now, choice.iteration)
    scores = unknown_pool(now, known)
    settings, balanced = now.settings, now.settings.batch.class_balanced
    mix = Mix(
        batch_size(choice.budget or settings.batch.budget, len(scores)),
        settings.mine.coverage_share,
        settings.mine.neighbours,
        settings.batch.typical_share,
    )
    vectors = _Vectors(*now.ledger.embeddings(settings.embeddings.provider))
    asks_model = before is not None and (strategy.needs_predictions or balanced)
    query = Query(
        _pool(now, known, scores, vectors),
        mix,
        failures=_failures(now, before, vectors) if before else None,
        predictions=pool_predictions(now, detector, before, list(scores.index), log) if asks_model and before else None,
        class_counts=_class_counts(now, before) if balanced else {},
    )
    return choose(name, query, now.rng("batch", choice.iteration, name), class_balanced=balanced)


class _Vectors:
    """Embeddings by sample id."""

    def __init__(self, ids: Sequence[str], vectors: NDArray) -> None:
        self.row_of = {sample_id: row for row, sample_id in enumerate(ids)}
        self._vectors = vectors

    def of(self, sample_ids: Iterable[str]) -> NDArray:
        """(N, D), a row for each of the samples."""
        return np.asarray(self._vectors[[self.row_of[sample_id] for sample_id in sample_ids]])


def _pool(now: Project, known: set[str], scores: pd.Series, vectors: _Vectors) -> Pool:
    labelled_ones = sorted(known & set(now.ledger.in_split(Split.POOL)) & set(vectors.row_of))
    return Pool(
        scores,
        vectors.of(scores.index),
        *labelled_groups(now, known),
        labelled=vectors.of(labelled_ones),
        twin_cosine=now.settings.batch.twin_cosine,
    )


def _failures(now: Project, iteration: str, vectors: _Vectors) -> Failures:
    errors = pd.DataFrame(now.ledger.read("reports", iteration)["errors"], columns=["sample_id", "tp", "fn", "fp"])
    # A failure without a vector has no neighbours; `embeddings` lists it with the reason.
    errors = errors[((errors["fn"] > 0) | (errors["fp"] > 0)) & errors["sample_id"].isin(vectors.row_of.keys())]
    return Failures(errors, vectors.of(errors["sample_id"]))


def _class_counts(now: Project, before: str | None) -> dict[str, int]:
    """Labelled images that show each class of the schema."""
    boxes = labelled(now, now.ledger.labelled_batches(before) if before else []).boxes
    shown = boxes.groupby("label")["sample_id"].nunique()
    return {name: int(shown.get(name, 0)) for name in now.ledger.schema().classes}
