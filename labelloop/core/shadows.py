"""Shadows: short unit vectors whose cosines are never below those of the rows they stand for.

A unit row is the sum of a part in a small space and a rest that is orthogonal to it, so by Cauchy and Schwarz the
product of two rows is at most that of their parts plus that of the lengths of their rests. A shadow is the part with
the length of the rest behind it: products of shadows rule out what cannot be near, for an eighth of the arithmetic. The
space is that of the largest principal components (as in PCA trees); which it is decides how much is ruled out, never
what is found.

All is float32, with u = 2^-24. A part is off by at most e = `_off`, as a vector: each of its K components is a sum of D
products, and so off by D · u (see `directions`); 8 · u more for each cover the rounding of the row and of the space,
and what errors of errors come to. So the square of a part is off by at most 2e + e², as parts are at most 1 long, and
that of a rest by as much and (K + 5) · u: sum, difference, sum and root. With this added no rest is shorter than it is,
and the product of two is never too low; that of two parts is by 2e + e² at most, and summing K + 1 products and taking
the slack from a limit cost at most (K + 5) · u again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelloop.core.directions import Directions, parts

KEPT = 63  # dimensions of the part: 31 rule out too little of spread data, 127 cost more than they save
_FEWEST = 2048  # rows for which it pays
_FITTED = 512  # of them tell the space
_ROWS = 1024  # looked at once
_UNIT = 2.0**-24  # most by which float32 rounds a number, relatively
_PATIENCE = 4  # blocks in which shadows may have told too little before nobody looks at them any more

Places = tuple[NDArray[np.intp], NDArray[np.intp]]  # row and column of each pair in a block


@dataclass(frozen=True, eq=False)
class Space:
    """The small space.

    Attributes:
        axes: (D, KEPT) float32, orthonormal but for rounding.
    """

    axes: NDArray[np.float32]

    @property
    def slack(self) -> float:
        """Most by which a product of two shadows is too low; the module says why."""
        return self._added

    @property
    def _added(self) -> float:
        """Most by which the square of a rest is too low before this is added."""
        return self._off * (2 + self._off) + (KEPT + 5) * _UNIT

    @property
    def _off(self) -> float:
        """Most by which a part is off; the sum of D products is by D · u / (1 - D · u), to be exact."""
        of_each = (len(self.axes) + 8) * _UNIT
        return float(np.sqrt(KEPT) * of_each / (1 - of_each))

    def shadows(self, rows: Directions, which: slice | None = None) -> NDArray[np.float32]:
        """A shadow of each row, or of some, (N, KEPT + 1); a row of zeros has a shadow of zeros."""
        start, stop, _ = (which or slice(None)).indices(len(rows))
        found = np.empty((stop - start, KEPT + 1), dtype=np.float32)
        for block in parts(stop, _ROWS, start):
            row, into = rows.narrow(block), found[block.start - start : block.stop - start]
            part = np.matmul(row, self.axes, out=into[:, :KEPT])
            rest = np.maximum(1 - np.einsum("ij,ij->i", part, part), 0) + np.float32(self._added)
            into[:, KEPT] = np.sqrt(rest * rows.any(block))
        return found


def space_of(rows: Directions) -> Space | None:
    """The space in which most of the rows lies; None where rows are too few or too short for shadows to pay."""
    if len(rows) < _FEWEST or rows.dims < 4 * (KEPT + 1):
        return None
    fitted = rows.exact(np.linspace(0, len(rows) - 1, _FITTED).astype(np.intp))
    # Their components by their products with each other, which are as many however long a row is.
    largest = np.linalg.eigh(fitted @ fitted.T)[1][:, -KEPT:]
    return Space(np.linalg.qr(fitted.T @ largest)[0].astype(np.float32))


@dataclass
class Sieve:
    """Rules out pairs with some rows by their shadows, as long as that pays.

    Attributes:
        space: In which shadows are cast; None: nothing is ruled out.
        rows: The rows.
        sparse: Of so many pairs shadows may leave one, or the whole product is faster.
    """

    space: Space | None
    rows: Directions
    sparse: int
    _in_vain: int = 0
    _cast: int = 0  # rows from the first on whose shadows are there

    def __post_init__(self) -> None:
        self._shadows = np.empty((len(self.rows) if self.space else 0, KEPT + 1), dtype=np.float32)

    @classmethod
    def over(cls, rows: Directions, sparse: int, *, pays: bool = True) -> "Sieve":
        """Rules out pairs with all of these rows, if it pays."""
        return cls(space_of(rows) if pays else None, rows, sparse)

    def cast(self, others: Directions, which: slice) -> NDArray[np.float32]:
        """Shadows of other rows in the same space."""
        return self.space.shadows(others, which) if self.space else self._shadows

    def own(self, which: slice) -> NDArray[np.float32]:
        """Shadows of some of the rows, cast when they are first looked at: it may soon show that they do not pay."""
        if which.stop > self._cast:
            fresh = slice(self._cast, which.stop)
            self._shadows[fresh], self._cast = self.cast(self.rows, fresh), which.stop
        return self._shadows[which]

    def left(self, one: Callable[[], NDArray[np.float32]], columns: slice, limit: ArrayLike) -> Places | None:
        """Pairs whose cosine may reach a limit; None where they are too many, and for good where they mostly are.

        Args:
            one: Gives (R, KEPT + 1) shadows; called only if they are looked at.
            columns: Which of the rows (C) they are compared with.
            limit: Least cosine, one for all or (R, 1).
        """
        if self.space is None or self._in_vain > _PATIENCE:
            return None
        product = one() @ self.own(columns).T
        found = np.flatnonzero(product >= np.asarray(limit, dtype=np.float32) - np.float32(self.space.slack))
        if len(found) * self.sparse > product.size:
            self._in_vain += 1
            return None
        self._in_vain = max(self._in_vain - 1, 0)
        return np.divmod(found, product.shape[1])
