"""Directions of vectors, twice: quickly in float32, which tells what to look at, and exactly for the little that is.

A product of matrices in float32 is twice as fast as in float64, and its error is bounded whatever the order in which
the processor sums: |computed - true| ≤ D · 2^-24 for unit vectors with D components (Higham, "Accuracy and Stability of
Numerical Algorithms", 2002, 3.5). What lies within that bound of a limit is computed again; so the answer depends
neither on the shape of the blocks nor on threads.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelloop.core.unit_vectors import on_grid, refuse_not_finite

_ROWS = 2048  # looked at once where nobody says how many
_HUGE = 1e30  # scales beyond it are no numbers in float32
_PAIRS = 8192  # whose cosines are computed at once

Which = slice | NDArray[np.intp]


class Directions:
    """Vectors (N, D) of any length, read in blocks as unit vectors; a row of zeros stays zeros.

    Args:
        rows: (N, D), which may be memory-mapped.
        centre: (D,) What is subtracted from each row first; None: nothing.

    Raises:
        LabelError: If a row holds NaN or infinity; names the rows.
    """

    def __init__(self, rows: ArrayLike, centre: NDArray[np.float64] | None = None) -> None:
        self._rows, self._centre = np.asarray(rows), centre
        length = np.concatenate([np.zeros(0), *(self._lengths(part) for part in parts(len(self._rows), _ROWS))])
        refuse_not_finite(np.flatnonzero(~np.isfinite(length)))
        self._scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dims(self) -> int:
        """D."""
        return self._rows.shape[1] if self._rows.ndim > 1 else 0

    @property
    def slack(self) -> float:
        """Most by which a product of two `narrow` rows is off; the factor 2 covers that they are rounded as well."""
        return float(2 * (self.dims + 4) * 2.0**-24)

    def any(self, which: Which) -> NDArray[np.bool_]:
        """Which of some rows have a direction, that is, are not all zeros."""
        return np.asarray(self._scale[which] > 0)

    def some(self, which: NDArray[np.intp]) -> "Directions":
        """Some rows, copied, of the same centre."""
        return Directions(self._rows[which], self._centre)

    def narrow(self, which: Which) -> NDArray[np.float32]:
        """Some rows as unit vectors in float32."""
        rows, scale = self._block(which), self._scale[which, None]
        if rows.dtype == np.float32 and (scale < _HUGE).all():
            scale = scale.astype(np.float32)
        out = np.empty(rows.shape, dtype=np.float32)
        np.multiply(rows, scale, out=out, casting="same_kind")
        return out

    def exact(self, which: Which) -> NDArray[np.float64]:
        """Some rows as unit vectors in float64, each the same whatever rows it is read with."""
        rows = self._wide(which)
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))

    def on_grid(self, which: Which) -> NDArray[np.float64]:
        """Some rows as unit vectors on the grid of `unit_vectors`, where products of matrices are exact."""
        return on_grid(self._wide(which))

    def _lengths(self, part: slice) -> NDArray[np.float64]:
        rows = self._block(part)
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64)))

    def _block(self, which: Which) -> NDArray:
        return self._rows[which] if self._centre is None else self._wide(which)

    def _wide(self, which: Which) -> NDArray[np.float64]:
        rows = np.array(self._rows[which], dtype=np.float64, order="C")
        return rows if self._centre is None else np.subtract(rows, self._centre, out=rows)


def pair_cosines(
    one: Directions, first: NDArray[np.intp], other: Directions, second: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Cosine of row first[i] of one with row second[i] of the other, (P,), the same in whatever company."""
    cosine = np.empty(len(first))
    for part in parts(len(first), _PAIRS):
        product = one.exact(first[part])
        product *= other.exact(second[part])
        cosine[part] = product.sum(axis=1)
    return cosine


def mean_of(rows: ArrayLike, which: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
    """Mean of rows (N, D), or of some, (D,); the last bits, in which the order of rows shows, are rounded off."""
    stored = np.asarray(rows)
    count = len(stored) if which is None else len(which)
    total = np.zeros(stored.shape[1])
    for part in parts(count, _ROWS):
        total += stored[part if which is None else which[part]].sum(axis=0, dtype=np.float64)
    mean = total / max(count, 1)
    step = 2.0 ** (np.frexp(np.abs(mean).max(initial=0.0))[1] - 40)
    return np.asarray(np.rint(mean / step) * step)


def parts(count: int, size: int, start: int = 0) -> Iterator[slice]:
    """Slices of `size` that cover start … count."""
    return (slice(first, min(first + size, count)) for first in range(start, count, size))
