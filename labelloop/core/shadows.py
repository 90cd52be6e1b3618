"""Shadows: short unit vectors whose cosines are never below those of the rows they stand for.

A unit row is the sum of a part in a small space and a rest that is orthogonal to it, so by Cauchy and Schwarz the
product of two rows is at most that of their parts plus that of the lengths of their rests. A shadow is the part with
the length of the rest behind it: products of shadows rule out what cannot be near, for an eighth of the arithmetic. The
space is that of the largest principal components (as in PCA trees); which it is decides how much is ruled out, never
what is found.
"""

import numpy as np
from numpy.typing import NDArray

from labelloop.core.directions import Directions, parts

KEPT = 64  # dimensions of the part: 32 rule out too little of spread data, 128 cost more than they save
_FITTED = 2048  # rows that tell the space
_ROWS = 1024  # looked at once


def shadows(rows: Directions) -> NDArray[np.float32] | None:
    """A shadow of each row, (N, KEPT + 1); None where rows are too few or too short for it to pay.

    Args:
        rows: N vectors of D dimensions; a row of zeros has a shadow of zeros.
    """
    if len(rows) < _FITTED or rows.dims < 4 * KEPT:
        return None
    fitted = rows.exact(np.linspace(0, len(rows) - 1, _FITTED).astype(np.intp))
    space = np.linalg.eigh(fitted.T @ fitted)[1][:, -KEPT:]
    found = np.empty((len(rows), KEPT + 1), dtype=np.float32)
    for block in parts(len(rows), _ROWS):
        row = rows.exact(block)
        part = row @ space
        rest = np.einsum("ij,ij->i", row, row) - np.einsum("ij,ij->i", part, part)
        found[block, :KEPT], found[block, KEPT] = part, np.sqrt(np.maximum(rest, 0))
    return found


def slack() -> float:
    """Most by which a product of two shadows is too low: they are rounded to float32, and so are sums of products."""
    return float(2 * (KEPT + 5) * 2.0**-24)
