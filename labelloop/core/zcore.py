"""ZCore: how much an image adds to the coverage of a pool, from embeddings alone.

After Griffin, Marks, Corso, "Zero-Shot Coreset Selection", arXiv 2411.15349. A random point is drawn in a few
dimensions of embedding space; the image nearest to it earns one, for it covers that region; the images nearest to that
image there share a penalty of one, for they are redundant with it. Higher = label sooner.

Scores are summed as whole numbers of 2^-40, so that a sum of draws is the same to the last bit in any order and in any
number of parts. Ties go to the lower image in an order that follows from the images' vectors, not from their rows.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelloop.core import zcore_compiled
from labelloop.core.errors import LabelError
from labelloop.core.zcore_compiled import CompiledPool
from labelloop.core.zcore_draws import Draws, Spread, by_tile, counter_draws, mixed, numpy_draws
from labelloop.core.zcore_index import PoolIndex
from labelloop.core.zcore_rules import ONE, Redundancy, Sums, score_draws

Progress = Callable[[int, int], None]

_BLOCK = 1000  # draws of one piece of work
_SPAN = 100  # pieces whose draws are put in order together
_THREADS_FROM = 20_000  # images from which numpy works long enough in a thread to leave room for another


def zcore_scores(  # noqa: PLR0913  the parameters of the method, by its names
    embeddings: ArrayLike, *, n_sample: int = 10_000, sample_dim: int = 2, redund_nn: int = 100, redund_exp: float = 4,
    eps: float = 0.0, seed: int = 0, stream: Literal["counter", "numpy"] = "counter", threads: int | None = None,
    on_progress: Progress | None = None,
) -> NDArray[np.float32]:  # fmt: skip
    """Score every row by coverage and redundancy.

    Args:
        embeddings: (N, D).
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

    Returns:
        (N,) float32, the best image 1, the worst 0; all 0 where nothing tells them apart.

    Raises:
        LabelError: If an embedding holds NaN or infinity; names the rows.
    """
    rows = _checked(np.asarray(embeddings))
    order = _canonical(rows) if stream == "counter" else np.arange(len(rows))
    columns = _columns(rows, order, keep_all=stream == "numpy")
    if not columns.size:
        if on_progress:
            on_progress(n_sample, n_sample)
        return np.zeros(len(rows), dtype=np.float32)
    size, redundancy = min(sample_dim, len(columns)), Redundancy(min(redund_nn, len(rows) - 1), redund_exp, eps)
    plan = _plan(columns, redundancy, n_sample, size, threads)
    start, draw = _stream(stream, seed, n_sample, plan.spread, size, len(rows))
    sums = np.zeros(len(rows), dtype=np.int64)
    done = 0
    for part, count in _parts(plan, draw, n_sample):
        if on_progress:
            on_progress(done, n_sample)
        sums += part
        done += count
    if on_progress:
        on_progress(n_sample, n_sample)
    scores = np.empty(len(rows))
    scores[order] = start + sums / ONE
    return _normalised(scores)


@dataclass(frozen=True, eq=False)
class _Plan:
    """How draws are scored, and by how many threads."""

    spread: Spread
    score: Callable[[Draws], Sums]
    workers: int
    tiled: bool


def _plan(columns: NDArray, redundancy: Redundancy, n_sample: int, size: int, threads: int | None) -> _Plan:
    """By numpy, or compiled where that pays: the sums are the same to the last bit."""
    all_threads = threads or os.cpu_count() or 1
    workers = all_threads if threads or columns.shape[1] >= _THREADS_FROM else 1
    if zcore_compiled.pays(columns, redundancy, n_sample, workers):
        pool = CompiledPool.build(columns, all_threads)
        return _Plan(pool.spread, partial(pool.score, redundancy=redundancy), all_threads, tiled=True)
    index = PoolIndex.build(
        columns, neighbours=redundancy.neighbours + 1, uses=n_sample * size / len(columns), threads=workers
    )
    return _Plan(Spread.of(columns), partial(score_draws, index, redundancy=redundancy), workers, tiled=False)


def _parts(plan: _Plan, draw: Callable[[range], Draws], n_sample: int) -> Iterator[tuple[Sums, int]]:
    """Sums of each block of draws, in order, and how many draws it holds."""
    blocks = [range(first, min(first + _BLOCK, n_sample)) for first in range(0, n_sample, _BLOCK)]
    if plan.tiled:
        draw = _tiled(draw, n_sample)
    if plan.workers == 1:
        for block in blocks:
            yield plan.score(draw(block)), len(block)
        return
    pool = ThreadPoolExecutor(plan.workers)
    try:
        # As many blocks at a time as there are workers: each holds a number for every image.
        for first in range(0, len(blocks), plan.workers):
            running = [
                (pool.submit(plan.score, draw(block)), len(block)) for block in blocks[first : first + plan.workers]
            ]
            yield from ((future.result(), count) for future, count in running)
    finally:
        pool.shutdown(cancel_futures=True)


def _tiled(draw: Callable[[range], Draws], n_sample: int) -> Callable[[range], Draws]:
    """The same draws block by block, but in an order in which neighbouring ones look at the same dimensions."""
    length = _BLOCK * _SPAN

    @lru_cache(maxsize=1)
    def span(first: int) -> Draws:
        return by_tile(draw(range(first, min(first + length, n_sample))))

    def part(block: range) -> Draws:
        first = block.start - block.start % length
        return tuple(values[block.start - first : block.stop - first] for values in span(first))  # type: ignore[return-value]

    return part


def _stream(
    name: str, seed: int, n_sample: int, spread: Spread, size: int, rows: int
) -> tuple[NDArray[np.float64], Callable[[range], Draws]]:
    """Scores to start from, and what gives a range of draws."""
    if name == "counter":
        return np.zeros(rows), lambda block: counter_draws(seed, block, spread, size)
    start, (dims, points) = numpy_draws(seed, n_sample, spread, size, rows)
    return start, lambda block: (dims[block.start : block.stop], points[block.start : block.stop])


def _checked(rows: NDArray) -> NDArray:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1)) if rows.size else np.zeros(0, dtype=int)
    if len(bad):
        named = ", ".join(map(str, bad[:10])) + (", …" if len(bad) > 10 else "")
        raise LabelError(f"{len(bad)} embeddings hold NaN or infinity: rows {named}", "Compute the embeddings again.")
    return rows if rows.dtype == np.float64 else rows.astype(np.float32, copy=False)


def _canonical(rows: NDArray) -> NDArray[np.intp]:
    """An order of the rows that follows from what is in them; equal rows stay in the order they came in."""
    if not rows.size:
        return np.arange(len(rows))
    weights = mixed(np.arange(1, rows.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    keys = np.empty(len(rows), dtype=np.uint64)
    bits = np.uint64 if rows.dtype == np.float64 else np.uint32
    for first in range(0, len(rows), _BLOCK):
        block = np.ascontiguousarray(rows[first : first + _BLOCK]) + rows.dtype.type(0)  # -0.0 becomes 0.0
        keys[first : first + _BLOCK] = (block.view(bits).astype(np.uint64) * weights).sum(axis=1)
    return np.argsort(keys, kind="stable")


def _columns(rows: NDArray, order: NDArray[np.intp], *, keep_all: bool) -> NDArray:
    """One row for each dimension, contiguous because every point reads whole dimensions; constant ones left out."""
    if not rows.size:
        return np.zeros((0, len(rows)), dtype=rows.dtype)
    varying = rows.min(axis=0) < rows.max(axis=0)
    if not varying.any():
        return np.zeros((0, len(rows)), dtype=rows.dtype)
    kept = np.flatnonzero(varying | keep_all)
    columns = np.empty((len(kept), len(rows)), dtype=rows.dtype)
    for first in range(0, len(rows), _BLOCK):
        columns[:, first : first + _BLOCK] = rows[order[first : first + _BLOCK]][:, kept].T
    return columns


def _normalised(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    if not len(scores) or scores.max() == scores.min():
        return np.zeros(len(scores), dtype=np.float32)
    return np.asarray((scores - scores.min()) / (scores.max() - scores.min()), dtype=np.float32)
