"""How far long work is, told to the log of a run."""

from collections.abc import Callable

import dagster as dg


def progress(context: dg.AssetExecutionContext, told: str, times: int) -> Callable[[int, int], None]:
    """What long work calls with what is done and how much there is in all.

    Args:
        context: Of the asset that does it.
        told: A line with places for `done` and `total`.
        times: How often at most the log tells it.
    """
    last = 0

    def tell(done: int, total: int) -> None:
        nonlocal last
        if done == total or done * times // total != last * times // total:
            last = done
            context.log.info(told.format(done=done, total=total))

    return tell
