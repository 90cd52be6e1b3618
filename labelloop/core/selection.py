"""Which images people label next: a batch of exactly the size asked for, each row with its reason.

The mix of coverage and failures follows FiftyOne's human-annotation guide: a part of the batch by ZCore, the rest
images that look like those the model failed on. Every acquisition score: higher = label sooner. Ties go to the smaller
sample id.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labelloop.core.batch import Batch, Candidate, Seen, manifest_of
from labelloop.core.errors import LabelError
from labelloop.core.neighbours import top_k
from labelloop.core.unit_vectors import UnitVectors
from labelloop.core.vocabulary import Source

_COVERS = "stands for a part of the pool"
_TWIN = "fills the quota: nearly equals an image that is labelled or in this batch"
_DRY = "fills the quota: no more neighbours of failures"


@dataclass(frozen=True, eq=False)
class Pool:
    """What may be selected.

    Attributes:
        zcore: Coverage score by sample id; its index is the pool.
        embeddings: (N, D), row i belongs to the i-th id of `zcore`.
        groups: Near-duplicate group by sample id; a batch takes a second member only when nothing else is left.
        covered: Groups of which a member is labelled already; they too wait until nothing else is left.
        labelled: (L, D) of the images that are labelled or with people.
        twin_cosine: Cosine from which an image counts as a twin of a labelled or chosen one; 0: groups alone tell.
    """

    zcore: pd.Series
    embeddings: NDArray
    groups: Mapping[str, str] = field(default_factory=dict)
    covered: Collection[str] = ()
    labelled: NDArray | None = None
    twin_cosine: float = 0.0

    def batch(self) -> Batch:
        """An empty batch that knows what is labelled."""
        if not self.twin_cosine:
            return Batch(self.groups, set(self.covered))
        seen = Seen(list(self.zcore.index), UnitVectors(self.embeddings), self.labelled_rows(), self.twin_cosine)
        return Batch(self.groups, set(self.covered), seen)

    def labelled_rows(self) -> NDArray[np.float64]:
        """Vectors of what is labelled, on the grid of `UnitVectors`."""
        if self.labelled is None or not len(self.labelled):
            return np.zeros((0, np.shape(self.embeddings)[1]))
        return UnitVectors(self.labelled).rows(slice(None))

    def in_order(self) -> "Pool":
        """The same pool, its rows ordered by sample id."""
        order = np.argsort(self.zcore.index.to_numpy(dtype=object), kind="stable")
        return replace(self, zcore=self.zcore.iloc[order], embeddings=np.asarray(self.embeddings)[order])


@dataclass(frozen=True, eq=False)
class Failures:
    """Images the model failed on.

    Attributes:
        errors: One row for each image: `sample_id`, `fn` (objects missed), `fp` (objects invented).
        embeddings: (F, D), row i belongs to the i-th row of `errors`.
    """

    errors: pd.DataFrame
    embeddings: NDArray


@dataclass(frozen=True)
class Mix:
    """What a batch is made of.

    Attributes:
        budget: Images in the batch.
        coverage_share: Share of it chosen by coverage; the rest are neighbours of failures.
        neighbours: Nearest pool images looked at for each failure.
        typical_share: Share of what the strategy zcore chooses that stands for crowded parts of the pool.
    """

    budget: int
    coverage_share: float
    neighbours: int
    typical_share: float = 0.3


def batch_size(budget: int | str, remaining: int) -> int:
    """Images in a batch: a number, or a share of what remains like "10%" (at least 1); never more than remain.

    Raises:
        LabelError: If the budget is neither a positive number nor a share.
    """
    parts = re.fullmatch(r"(?:(\d+)|(\d+(?:\.\d+)?)%)", str(budget))
    if parts is None or float(parts[1] or parts[2]) == 0:
        raise LabelError(f"A budget of {budget!r} is neither a number of images nor a share like 10%")
    wanted = int(parts[1]) if parts[1] else round(float(parts[2]) / 100 * remaining)
    return min(max(wanted, 1), remaining)


def coverage_ranking(zcore: pd.Series) -> pd.Series:
    """Coverage scores by sample id, best first, ties by sample id.

    Raises:
        LabelError: If a sample has no score or an id occurs twice.
    """
    bad = zcore.index[zcore.isna() | zcore.index.duplicated()]
    if len(bad):
        raise LabelError(f"{len(bad)} samples have no coverage score of their own: {', '.join(map(str, bad[:5]))}")
    return zcore.sort_index().sort_values(ascending=False, kind="stable")


def select_coverage(
    zcore: pd.Series,
    budget: int,
    groups: Mapping[str, str] | None = None,
    covered: Collection[str] = (),
    why: str = "",
) -> pd.DataFrame:
    """Manifest of the `budget` samples that cover the pool best, all of them when fewer remain.

    Args:
        zcore: Coverage score by sample id of the pool.
        budget: Images in the batch.
        groups: Near-duplicate group by sample id.
        covered: Groups of which a member is labelled already.
        why: Put before each reason, where coverage alone needs an explanation.
    """
    return cover(Pool(zcore, np.zeros((len(zcore), 0)), groups or {}, covered), budget, why)


def cover(pool: Pool, budget: int, why: str = "") -> pd.DataFrame:
    """Manifest of the `budget` samples of a pool with the best coverage scores, near-duplicates last.

    Raises:
        LabelError: If a sample of the pool has no coverage score.
    """
    batch, ranking = pool.batch(), coverage_ranking(pool.zcore)
    batch.fill(_by_coverage(ranking, Source.COVERAGE, f"{why}{_COVERS}"), budget)
    return topped_up(batch, pool, budget)


def topped_up(batch: Batch, pool: Pool, budget: int) -> pd.DataFrame:
    """Manifest of a batch whose quota is filled by coverage with what was passed over: near-duplicates."""
    batch.fill(_by_coverage(coverage_ranking(pool.zcore), Source.BACKFILL, _TWIN), budget, twins=True)
    return batch.manifest()


def mine(failures: Failures, pool: Pool, mix: Mix, coverage: Iterable[Candidate] | None = None) -> pd.DataFrame:
    """Manifest of a batch that is part coverage, part neighbours of failures, and never short.

    Failures take turns, worst first, each adding its nearest image that is not in the batch yet: one bad image cannot
    fill the batch. A neighbour's score is its similarity times its failure's share of the worst failure's errors.
    Where neighbours run out, coverage fills the quota; without failures it is all coverage.

    Args:
        failures: Images the model failed on; those without an error are left out.
        pool: What may be selected.
        mix: Size and parts of the batch.
        coverage: What the part that covers is taken from, in order; by default what scores best.

    Returns:
        A manifest of exactly min(budget, pool) rows.

    Raises:
        LabelError: If a sample of the pool has no coverage score.
    """
    pool, failures = pool.in_order(), _worst_first(failures)
    batch, ranking = pool.batch(), coverage_ranking(pool.zcore)
    if failures.errors.empty:
        return _without_failures(batch, pool, mix.budget, coverage)
    covering = _by_coverage(ranking, Source.COVERAGE, _COVERS) if coverage is None else coverage
    batch.fill(covering, round(mix.coverage_share * mix.budget))
    batch.take_turns(_by_failure(failures, pool, mix.neighbours), mix.budget)
    batch.fill(_by_coverage(ranking, Source.BACKFILL, _DRY), mix.budget)
    return topped_up(batch, pool, mix.budget)


def _without_failures(batch: Batch, pool: Pool, budget: int, coverage: Iterable[Candidate] | None) -> pd.DataFrame:
    why = "no failures to mine: "
    if coverage is None:
        return cover(pool, budget, why)
    batch.fill((replace(each, reason=why + each.reason) for each in coverage), budget)
    return topped_up(batch, pool, budget)


def with_golden(manifest: pd.DataFrame, golden_ids: Iterable[str], n: int, rng: np.random.Generator) -> pd.DataFrame:
    """The manifest with `n` golden images at random places, so that nobody can tell them by their position.

    The other rows keep their order. Fewer than `n` are added where fewer exist.
    """
    golden = sorted(set(golden_ids))
    drawn = rng.choice(len(golden), size=min(n, len(golden)), replace=False)
    rows = [Candidate(*row) for row in manifest[["sample_id", "source", "score", "reason"]].itertuples(index=False)]
    for number in drawn:
        hidden = Candidate(golden[number], Source.GOLDEN, 0.0, "golden image, annotated again blind to watch agreement")
        rows.insert(int(rng.integers(len(rows) + 1)), hidden)
    return manifest_of(rows)


def _worst_first(failures: Failures) -> Failures:
    """Images with at least one error, most errors first, ties by sample id."""
    errors = failures.errors.reset_index(drop=True)
    errors = errors.assign(total=errors["fn"] + errors["fp"])
    errors = errors[errors["total"] > 0].sort_values("sample_id").sort_values("total", ascending=False, kind="stable")
    return Failures(errors.reset_index(drop=True), np.asarray(failures.embeddings)[errors.index.to_numpy(dtype=int)])


def _by_coverage(ranking: pd.Series, source: Source, why: str) -> Iterator[Candidate]:
    for sample_id, score in ranking.items():
        yield Candidate(str(sample_id), source, float(score), f"{why} (zcore {score:.2f})")


def _by_failure(failures: Failures, pool: Pool, neighbours: int) -> list[Iterator[Candidate]]:
    """For each failure its neighbours, nearest first."""
    indices, cosines = top_k(failures.embeddings, pool.embeddings, neighbours)
    ids = pool.zcore.index.to_numpy(dtype=object)[indices]
    rows = zip(failures.errors["sample_id"], failures.errors["fn"], failures.errors["fp"], strict=True)
    worst = failures.errors["total"].max()
    return [
        _neighbours_of(failed, _in_words(fn, fp), (fn + fp) / worst, zip(near, cosine, strict=True))
        for (failed, fn, fp), near, cosine in zip(rows, ids, cosines, strict=True)
    ]


def _neighbours_of(
    failed: str, errors: str, severity: float, neighbours: Iterable[tuple[str, float]]
) -> Iterator[Candidate]:
    for sample_id, cosine in neighbours:
        reason = f"looks like {failed} ({errors}, similarity {cosine:.2f})"
        yield Candidate(str(sample_id), Source.FAILURE, float(severity * cosine), reason)


def _in_words(missed: int, invented: int) -> str:
    return ", ".join(f"{count} {word}" for count, word in ((missed, "missed"), (invented, "false")) if count)
