"""Whether the compiled kernels can be had: without them numpy gives the same sums, only later."""

from collections.abc import Callable
from logging import getLogger

import numpy as np

from labelloop.core import zcore_jit
from labelloop.core.zcore_compiled import CompiledPool
from labelloop.core.zcore_draws import Draws, Spread, counter_draws, mixed
from labelloop.core.zcore_index import PoolIndex
from labelloop.core.zcore_rules import Redundancy, Sums, score_draws

_log = getLogger(__name__).warning
_found: dict[str, bool] = {}  # by precision, in this process


def kernels_ready(kind: np.dtype, log: Callable[[str], None] = _log) -> bool:
    """Load or compile the kernels for a precision, and try them; why they do not work is told once.

    Whatever is wrong with them (no numba, one that does not fit numpy, a damaged cache) must not end a computation that
    does not need them. What is kept of them is removed, so that the next process compiles them anew.
    """
    if kind.name not in _found:
        wrong = _wrong(kind)
        _found[kind.name] = not wrong
        if wrong:
            zcore_jit.forget()
            log(f"ZCore works without compiled kernels, which takes longer and gives the same scores: {wrong}")
        else:
            zcore_jit.note_compiled(kind)
    return _found[kind.name]


def score_anywhere(pool: CompiledPool, redundancy: Redundancy, draws: Draws) -> Sums:
    """What some draws add to each image, also in a process that cannot have the kernels."""
    if kernels_ready(pool.columns.dtype):
        return pool.score(draws, redundancy)
    return score_draws(pool.by_numpy(redundancy), draws, redundancy)


def _wrong(kind: np.dtype) -> str:
    """Why the kernels do not work; empty when they do."""
    try:
        return _tried(kind)
    except Exception as error:  # noqa: BLE001  numba, LLVM and a damaged file raise anything
        return f"{type(error).__name__}: {error}".splitlines()[0]


def _tried(kind: np.dtype) -> str:
    """Score a few draws of a small pool by scan and by window, and compare."""
    columns = (mixed(np.arange(4 * 96, dtype=np.uint64)) >> np.uint64(40)).astype(kind).reshape(4, 96)
    redundancy = Redundancy(10, 4)
    draws = counter_draws(0, range(40), Spread.of(columns), 2)
    expected = score_draws(PoolIndex.build(columns, neighbours=11, uses=0, threads=1), draws, redundancy)
    for pool in (CompiledPool.build(columns, 1), CompiledPool.build(columns, 1, scan_to=0)):
        if not np.array_equal(pool.score(draws, redundancy), expected):
            return "they give other sums than numpy"
    return ""
