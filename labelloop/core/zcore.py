"""ZCore: how much an image adds to the coverage of a pool, from embeddings alone.

After Griffin, Marks, Corso, "Zero-Shot Coreset Selection", arXiv 2411.15349. A random point is drawn in a few
dimensions of embedding space; the image nearest to it earns one, for it covers that region; the images nearest to that
image there share a penalty of one, for they are redundant with it. Higher = label sooner.

Scores are summed as whole numbers of 2^-40, so that a sum of draws is the same to the last bit in any order and in any
number of parts. Ties go to the lower image in an order that follows from the images' vectors, not from their rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelloop.core import zcore_compiled
from labelloop.core.engine import Engine, Threads
from labelloop.core.zcore_compiled import CompiledPool
from labelloop.core.zcore_draws import Draws, Spread, counter_draws, numpy_draws
from labelloop.core.zcore_index import PoolIndex
from labelloop.core.zcore_ready import kernels_ready, score_anywhere
from labelloop.core.zcore_rows import PoolRows
from labelloop.core.zcore_rules import ONE, Redundancy, Sums, score_draws
from labelloop.core.zcore_run import Execution, Kept, Order, piece_size, tile_by_tile

Progress = Callable[[int, int], None]

_THREADS_FROM = 20_000  # images from which numpy works long enough in a thread to leave room for another


def zcore_scores(  # noqa: PLR0913  the parameters of the method, by its names
    embeddings: ArrayLike, *, n_sample: int = 10_000, sample_dim: int = 2, redund_nn: int = 100, redund_exp: float = 4,
    eps: float = 0.0, seed: int = 0, stream: Literal["counter", "numpy"] = "counter", threads: int | None = None,
    on_progress: Progress | None = None, rows: NDArray[np.intp] | None = None, execution: Execution = Execution(),  # noqa: B008
) -> NDArray[np.float32]:  # fmt: skip
    """Score every row by coverage and redundancy.

    Args:
        embeddings: (M, D); one that is memory-mapped is not read as a whole.
        n_sample: Number of random points.
        sample_dim: Dimensions each point is drawn in.
        redund_nn: Neighbours that share a penalty.
        redund_exp: Exponent by which a share falls with distance.
        eps: See `Redundancy`.
        seed: Of the points.
        stream: counter: each point follows from the seed and its number; scores belong to the vectors, whatever the
            order of rows, and dimensions in which all coincide are not drawn. numpy: the points and the random start
            scores of the published loops after `np.random.seed(seed)`.
        threads: Points scored at once; None: as many as pay. The scores are the same.
        on_progress: Called with points done and points in all, now and then; what it raises ends the work.
        rows: (N,) of the embeddings that are scored; None: all.
        execution: Where, in how much memory, and from where on. The scores are the same.

    Returns:
        (N,) float32, the best image 1, the worst 0; all 0 where nothing tells them apart.

    Raises:
        LabelError: If an embedding holds NaN or infinity; names the rows.
    """
    pool = PoolRows.read(np.asarray(embeddings), rows, as_given=stream == "numpy")
    tell = on_progress or _untold
    if not len(pool.kept):
        tell(n_sample, n_sample)
        return np.zeros(len(pool), dtype=np.float32)
    size, redundancy = min(sample_dim, len(pool.kept)), Redundancy(min(redund_nn, len(pool) - 1), redund_exp, eps)
    given = replace(execution, engine=Threads(threads)) if threads else execution
    plan = _plan(pool, redundancy, n_sample, size, given)
    start, draw = _stream(stream, seed, n_sample, plan.spread, size, len(pool))
    sums = _summed(plan, Order(draw, n_sample, plan.tile, size), execution, tell)
    scores = np.empty(len(pool))
    scores[pool.places] = start + sums / ONE
    return _normalised(scores)


@dataclass(frozen=True, eq=False)
class _Plan:
    """How draws are scored, by whom, and the large arrays that are read for it, tile by tile where there is one."""

    spread: Spread
    score: Callable[[Draws], Sums]
    engine: Engine
    arrays: tuple[NDArray, ...]
    tile: int


def _plan(pool: PoolRows, redundancy: Redundancy, draws: int, size: int, execution: Execution) -> _Plan:
    """By numpy, or compiled where that pays: the sums are the same to the last bit."""
    tile = execution.tile_of(pool)
    make = execution.make if tile else np.empty
    columns = pool.columns(make)
    everybody = execution.engine or Threads.all()
    few = everybody if execution.engine or len(pool) >= _THREADS_FROM else Threads(1)
    if zcore_compiled.pays(columns, redundancy, draws, few.workers) and kernels_ready(columns.dtype, execution.log):
        compiled = CompiledPool.build(columns, Threads.all().workers if everybody.far else everybody.workers, make)
        score = partial(score_anywhere, compiled, redundancy)
        return _Plan(compiled.spread, score, everybody, (columns, compiled.orders), tile)
    # Where memory is short nothing is sorted: numpy needs the order of each dimension in memory.
    uses = 0.0 if tile else draws * size / len(columns)
    index = PoolIndex.build(columns, neighbours=redundancy.neighbours + 1, uses=uses, threads=few.workers)
    return _Plan(Spread.of(columns), partial(score_draws, index, redundancy=redundancy), few, (columns,), tile)


def _summed(plan: _Plan, order: Order, execution: Execution, tell: Progress) -> Sums:
    """Sums of all draws, on top of those that an earlier process left."""
    images, kept = plan.arrays[0].shape[1], execution.kept
    done, sums = 0, np.zeros(images, dtype=np.int64)
    if kept is not None and kept.order == order.name and len(kept.sums) == images:
        done, sums = kept.done, kept.sums.copy()
        if done:
            execution.log(f"ZCore goes on where an earlier run was: {done} draws are there")
    tell(done, order.count)
    pieces = order.pieces(done, piece_size(plan.engine, order.count))
    if plan.tile:
        pieces = tile_by_tile(pieces, plan.tile, *plan.arrays)
    for part, count in plan.engine.over(partial(_counted, plan.score), pieces):
        sums += part
        done += count
        if execution.keep:
            execution.keep(Kept(order.name, done, sums, order.tile))
        tell(done, order.count)
    return sums


def _untold(_done: int, _total: int) -> None:
    """Nobody wants to know."""


def _counted(score: Callable[[Draws], Sums], draws: Draws) -> tuple[Sums, int]:
    return score(draws), len(draws[0])


def _stream(
    name: str, seed: int, n_sample: int, spread: Spread, size: int, images: int
) -> tuple[NDArray[np.float64], Callable[[range], Draws]]:
    """Scores to start from, and what gives a range of draws."""
    if name == "counter":
        return np.zeros(images), lambda block: counter_draws(seed, block, spread, size)
    start, (dims, points) = numpy_draws(seed, n_sample, spread, size, images)
    return start, lambda block: (dims[block.start : block.stop], points[block.start : block.stop])


def _normalised(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    if not len(scores) or scores.max() == scores.min():
        return np.zeros(len(scores), dtype=np.float32)
    return np.asarray((scores - scores.min()) / (scores.max() - scores.min()), dtype=np.float32)
