"""Near-duplicates of a large set by inverted lists: an image is compared with those near the same centres.

The inverted file of Sivic, Zisserman, "Video Google", ICCV 2003, as in faiss' IVF (Jégou, Douze, Schmid, "Product
quantization for nearest neighbor search", PAMI 2011): a row is in the list of its nearest centre and is compared with
the lists of the few nearest. What is compared is compared exactly, so every pair is one; a pair that shares no list
is missed. How many are is measured on a sample of rows that is compared with all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelloop.core.directions import Directions, parts
from labelloop.core.duplicates import block_links, require_cosine
from labelloop.core.hashes import Links
from labelloop.core.neighbours import top_k

SAMPLE = 2000  # rows that are compared with all
LEAST_RECALL = 0.99
_PROBES = (1, 2, 4, 8)
_ROWS, _COLUMNS = 1024, 4096  # of a block


@dataclass(frozen=True, eq=False)
class InvertedLists:
    """Rows by their nearest centres.

    Attributes:
        rows: All rows.
        near: (N, P) centres of each row, nearest first; it is in the list of the first.
        recall: Share of the pairs of a sample that share a list; NaN where the sample has no pair.
    """

    rows: Directions
    near: NDArray[np.intp]
    recall: float = float("nan")

    def links(self, threshold: float) -> Iterator[Links]:
        """Pairs whose cosine is at least the threshold, the lower row first; one may come twice."""
        home, near = self.near[:, 0], self.near.ravel()
        members, visitors = np.argsort(home, kind="stable"), np.argsort(near, kind="stable")
        lists = np.arange(home.max(initial=-1) + 1)
        ends = np.searchsorted(home[members], lists, "right"), np.searchsorted(near[visitors], lists, "right")
        starts = np.searchsorted(home[members], lists), np.searchsorted(near[visitors], lists)
        for number in lists:
            inside = members[starts[0][number] : ends[0][number]]
            looking = visitors[starts[1][number] : ends[1][number]] // self.near.shape[1]
            yield from self._compared(looking, inside, threshold)

    def _compared(self, some: NDArray[np.intp], others: NDArray[np.intp], threshold: float) -> Iterator[Links]:
        for columns in parts(len(others), _COLUMNS):
            narrow = self.rows.narrow(others[columns]).T
            for block in parts(len(some), _ROWS):
                product = self.rows.narrow(some[block]) @ narrow
                first, second = block_links(self.rows, product, some[block], others[columns], threshold)
                yield np.minimum(first, second), np.maximum(first, second)


def inverted_lists(
    rows: Directions, centres: NDArray[np.float32], threshold: float, sample: NDArray[np.intp]
) -> InvertedLists | None:
    """Lists with the fewest probes that find LEAST_RECALL of the pairs of a sample; None where none do.

    Args:
        rows: (N, D).
        centres: (K, D).
        threshold: Least cosine of a pair.
        sample: Rows that are compared with all; where none has a pair, all probes are taken.
    """
    require_cosine(threshold)
    first, second = _pairs_of(rows, sample, threshold)
    if not len(first):
        return InvertedLists(rows, top_k(rows, centres, _PROBES[-1])[0])
    near = [top_k(rows.some(which), centres, _PROBES[-1])[0] for which in (first, second)]
    for probes in _PROBES:
        recall = float(compared(*(each[:, :probes] for each in near)).mean())
        if recall >= LEAST_RECALL:
            return InvertedLists(rows, top_k(rows, centres, probes)[0], recall)
    return None


def compared(first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether the rows of each pair are compared, (M,), given the nearest centres of both, (M, P)."""
    return np.asarray((first == second[:, :1]).any(axis=1) | (second == first[:, :1]).any(axis=1))


def _pairs_of(rows: Directions, sample: NDArray[np.intp], threshold: float) -> Links:
    """All pairs that rows of a sample are in."""
    found = [(np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp))]
    for block in parts(len(sample), _ROWS):
        narrow = rows.narrow(sample[block])
        found += [
            block_links(rows, narrow @ rows.narrow(columns).T, sample[block], columns, threshold)
            for columns in parts(len(rows), _COLUMNS)
        ]
    first, second = (np.concatenate(each) for each in zip(*found, strict=True))
    return first, second
